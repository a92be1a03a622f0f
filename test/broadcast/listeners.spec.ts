import { createRequire } from 'node:module';
import { Logger } from '@nestjs/common';
import {
  AsyncSubject,
  BehaviorSubject,
  firstValueFrom,
  lastValueFrom,
  map,
  type MonoTypeOperatorFunction,
  type Observable,
  ReplaySubject,
  share,
  Subject,
  Subscriber,
  toArray,
} from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import { GuardedObservable } from '../../lib/broadcast/guarded-observable.js';
import type { BackplaneStatus } from '../../lib/bus/status.js';
import { MemoryNetwork } from '../../lib/bus/memory-network.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import type { ChatServer } from '../support/chat-app.js';
import { delivered, turn, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

function fail(): never {
  throw new Error('the callback fails');
}

/** Waits for the timer in which RxJS rethrows unhandled errors. */
const rethrown = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** Publishes bytes that are not an envelope on a channel that every server subscribes to. */
async function publishNonsense({ connection, channelPrefix }: RedisBackplaneOptions): Promise<void> {
  const transport = MemoryNetwork.get((connection ?? '').replace('memory:', '')).transport();
  farm.onEnd(() => transport.close());
  let up = 0;
  await new Promise<void>((resolve) => {
    void transport.open({
      up: () => ++up === 2 && resolve(),
      down: () => undefined,
      retrying: () => undefined,
      moved: () => undefined,
      problem: () => undefined,
      message: () => undefined,
    });
  });
  await transport.publish(`${channelPrefix ?? ''}:servers`, Buffer.from('nonsense'));
}

describe('a callback that throws on an observable of RedisBackplane', () => {
  it('neither crashes the server nor affects other callbacks: errors$', async () => {
    const options = farm.options();
    const server = await farm.server(options);
    const client = await farm.client(server);
    const escaped = farm.escapes();
    const stages: string[] = [];
    server.backplane.errors$.subscribe(fail);
    server.backplane.errors$.subscribe(({ stage }) => stages.push(stage));

    await publishNonsense(options);

    await rethrown();
    await turn();
    expect(escaped).toEqual([]);
    expect(stages).toEqual(['decode']);
    await delivered(server, client);
  });

  it('neither crashes the server nor affects other callbacks: status$', async () => {
    const server = await farm.server();
    const client = await farm.client(server);
    const escaped = farm.escapes();
    const states: string[] = [];

    server.backplane.status$.subscribe(fail);
    server.backplane.status$.subscribe(({ state }) => states.push(state));

    await delivered(server, client);
    await server.app.close();
    await rethrown();
    expect(escaped).toEqual([]);
    expect(states).toEqual(['ready', 'closed']);
  });
});

/** An observer whose methods need their `this`. */
class Observing {
  readonly states: string[] = [];
  completed = false;

  next({ state }: BackplaneStatus): void {
    this.states.push(state);
  }

  complete(): void {
    this.completed = true;
  }
}

/** All observables of a server. */
const observablesOf = ({ backplane }: ChatServer) =>
  ({
    status$: backplane.status$,
    connectionFailed$: backplane.connectionFailed$,
    connectionRestored$: backplane.connectionRestored$,
    loss$: backplane.loss$,
    errors$: backplane.errors$,
  }) satisfies Record<string, Observable<unknown>>;

/** Loads a second copy of RxJS, as in an app that depends on another version. */
function secondRxjs(): typeof import('rxjs') {
  const require = createRequire(import.meta.url);
  const cached = Object.entries(require.cache).filter(([file]) => file.includes('/rxjs/'));
  for (const [file] of cached) Reflect.deleteProperty(require.cache, file);
  const second = require('rxjs') as typeof import('rxjs');
  Object.assign(require.cache, Object.fromEntries(cached));
  return second;
}

describe('an observer of an observable of RedisBackplane', () => {
  it('that is a class instance gets every value, and completes when the app closes', async () => {
    const server = await farm.server();
    const observing = new Observing();
    server.backplane.status$.subscribe(observing);
    expect(observing).toMatchObject({ states: ['ready'], completed: false });
    await server.app.close();
    expect(observing).toMatchObject({ states: ['ready', 'closed'], completed: true });
  });

  it.each<[name: string, make: () => Subject<unknown>]>([
    ['a Subject', () => new Subject()],
    ['a ReplaySubject', () => new ReplaySubject()],
    ['a BehaviorSubject', () => new BehaviorSubject<unknown>('first')],
    ['an AsyncSubject', () => new AsyncSubject()],
  ])('that is %s is completed by every observable when the app closes', async (_name, make) => {
    const server = await farm.server();
    const problems: unknown[] = [];
    server.backplane.errors$.subscribe((error) => problems.push(error));
    const completed: string[] = [];
    for (const [name, observable] of Object.entries(observablesOf(server))) {
      const subject = make();
      subject.subscribe({ complete: () => completed.push(name) });
      (observable as Observable<unknown>).subscribe(subject);
    }
    await server.app.close();
    expect(completed.sort()).toEqual(Object.keys(observablesOf(server)).sort());
    expect(problems).toEqual([]);
  });

  it('that subscribes after the app has closed is completed at once by every observable', async () => {
    const server = await farm.server();
    await server.app.close();
    const completed: string[] = [];
    for (const [name, observable] of Object.entries(observablesOf(server))) {
      const subject = new Subject<unknown>();
      subject.subscribe({ complete: () => completed.push(name) });
      (observable as Observable<unknown>).subscribe(subject);
    }
    expect(completed.sort()).toEqual(Object.keys(observablesOf(server)).sort());
  });

  it('may have any subset of the callbacks, in every form that RxJS accepts', async () => {
    const server = await farm.server();
    const { status$ } = server.backplane;
    const calls: string[] = [];
    status$.subscribe({ complete: () => calls.push('complete only') });
    status$.subscribe({ next: ({ state }) => calls.push(`next only ${state}`) });
    status$.subscribe({});
    status$.subscribe();
    // These forms are deprecated but still in use.
    const loose = status$ as unknown as { subscribe(...callbacks: unknown[]): unknown };
    loose.subscribe(null);
    loose.subscribe(null, null, () => calls.push('third argument'));
    await server.app.close();
    expect(calls).toEqual(['next only ready', 'next only closed', 'complete only', 'third argument']);
  });

  it('whose method throws is reported on errors$, and still completes', async () => {
    const server = await farm.server();
    const escaped = farm.escapes();
    const messages: string[] = [];
    server.backplane.errors$.subscribe(({ message }) => messages.push(message));
    class Failing extends Observing {
      override next(): never {
        throw new Error(`fails with ${this.states.length} states`);
      }
    }
    const failing = new Failing();
    server.backplane.status$.subscribe(failing);
    await server.app.close();
    await rethrown();
    expect(escaped).toEqual([]);
    expect(messages).toEqual(Array(2).fill('A listener threw: fails with 0 states'));
    expect(failing.completed).toBe(true);
  });

  it('that subscribes after the app has closed and throws is logged, and no error escapes', async () => {
    const server = await farm.server();
    const escaped = farm.escapes();
    await server.app.close();
    const logged = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    farm.onEnd(() => logged.mockRestore());
    server.backplane.status$.subscribe({ complete: fail });
    await rethrown();
    expect(escaped).toEqual([]);
    expect(logged.mock.calls).toEqual([
      ['A listener threw: the callback fails', expect.stringContaining('the callback fails')],
    ]);
  });

  it('from another copy of RxJS gets every value, completes, and releases the source', () => {
    const second = secondRxjs();
    expect(second.Subscriber).not.toBe(Subscriber);
    const source = new Subject<string>();
    const reported: unknown[] = [];
    const guarded = new GuardedObservable(source, (error) => reported.push(error));
    const got: string[] = [];
    const subject = new second.Subject<string>();
    subject.subscribe({
      next: (value) => got.push(`subject ${value}`),
      complete: () => got.push('complete'),
    });

    guarded.subscribe(subject);
    const piped = guarded.pipe(second.take(1)).subscribe((value) => got.push(`piped ${value}`));
    const from = second.from(guarded).subscribe((value) => got.push(`from ${value}`));
    source.next('a');
    from.unsubscribe();
    source.next('b');
    source.complete();

    expect(got).toEqual(['subject a', 'piped a', 'from a', 'subject b', 'complete']);
    expect([piped.closed, source.observed, reported]).toEqual([true, false, []]);
  });

  it.each<[name: string, operator: (second: typeof import('rxjs')) => MonoTypeOperatorFunction<string>]>([
    ['take', (second) => second.take(1)],
    ['takeUntil', (second) => second.takeUntil(second.of(1))],
  ])('is unsubscribed by %s from another copy of RxJS', (_name, operator) => {
    const source = new Subject<string>();
    const guarded = new GuardedObservable(source, () => undefined);
    const subscription = guarded.pipe(operator(secondRxjs())).subscribe();
    source.next('a');
    expect([source.observed, subscription.closed]).toEqual([false, true]);
  });

  it('may be a pipeline, a promise or a loop', async () => {
    const server = await farm.server();
    const { status$ } = server.backplane;
    const states: string[] = [];
    const piped = firstValueFrom(status$.pipe(map(({ state }) => state)));
    const all = lastValueFrom(status$.pipe(toArray()));
    const looped = status$.forEach(({ state }) => void states.push(state));
    const shared$ = status$.pipe(share());
    const shared: string[] = [];
    shared$.subscribe({ complete: () => shared.push('complete') });
    await server.app.close();
    await looped;
    expect(await piped).toBe('ready');
    expect((await all).map(({ state }) => state)).toEqual(['ready', 'closed']);
    expect([states, shared]).toEqual([['ready', 'closed'], ['complete']]);
    await expect(
      server.backplane.loss$.forEach(() => undefined),
      'a late loop ends',
    ).resolves.toBeUndefined();
  });
});
