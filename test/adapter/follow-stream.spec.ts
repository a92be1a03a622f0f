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
    ['is of another library, and throws in subscribe', { subscribe: fail, lift: fail } as never],
    ['completes, and its teardown throws', of(1).pipe(finalize(fail))],
  ])('has done with a stream that %s', async (_name, stream$) => {
    const streams = new HandlerStreams(() => undefined);
    await streams.follow(stream$, silent);
    expect((streams as unknown as { running: Set<unknown> }).running.size).toBe(0);
  });

  it('tells nothing of a stream after its client has gone', async () => {
    const streams = new HandlerStreams(() => undefined);
    const told: unknown[] = [];
    let source: { next(value: unknown): void; complete(): void } | undefined;
    // It takes no notice of being unsubscribed, as an observable of another library may.
    const stubborn = {
      lift: fail,
      subscribe: (observer: typeof source) => {
        source = observer;
        return { unsubscribe: () => undefined };
      },
    } as unknown as Observable<unknown>;
    const followed = streams.follow(stubborn, {
      next: (value) => told.push(value),
      error: (error) => told.push(error),
      complete: () => told.push('complete'),
    });
    source?.next(1);
    streams.close();
    await followed;
    source?.next(2);
    source?.complete();
    expect(told).toEqual([1]);
  });
});
