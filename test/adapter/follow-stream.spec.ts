import { finalize, Observable, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { HandlerStreams } from '../../lib/adapter/handler-streams.js';

describe('HandlerStreams', () => {
  const silent = { next: () => undefined, error: () => undefined, complete: () => undefined };
  const fail = (): never => {
    throw new Error('fails');
  };

  it.each<[name: string, stream$: Observable<unknown>]>([
    ['completes', of(1)],
    ['fails', throwError(() => new Error('no'))],
    ['comes from another library and throws in subscribe', { subscribe: fail, lift: fail } as never],
    ['completes but throws in its teardown', of(1).pipe(finalize(fail))],
  ])('forgets a stream that %s', async (_name, stream$) => {
    const streams = new HandlerStreams(() => undefined);
    await streams.follow(stream$, silent);
    expect((streams as unknown as { running: Set<unknown> }).running.size).toBe(0);
  });

  it('passes on nothing from a stream after its client has disconnected', async () => {
    const streams = new HandlerStreams(() => undefined);
    const received: unknown[] = [];
    let source: { next(value: unknown): void; complete(): void } | undefined;
    // It ignores unsubscribe, as an observable from another library may.
    const stubborn = {
      lift: fail,
      subscribe: (observer: typeof source) => {
        source = observer;
        return { unsubscribe: () => undefined };
      },
    } as unknown as Observable<unknown>;
    const followed = streams.follow(stubborn, {
      next: (value) => received.push(value),
      error: (error) => received.push(error),
      complete: () => received.push('complete'),
    });
    source?.next(1);
    streams.close();
    await followed;
    source?.next(2);
    source?.complete();
    expect(received).toEqual([1]);
  });
});
