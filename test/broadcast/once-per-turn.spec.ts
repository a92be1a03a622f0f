import { Logger } from '@nestjs/common';
import { Subject } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import { oncePerTurn } from '../../lib/broadcast/once-per-turn.js';
import type { ReportedError } from '../../lib/bus/bus.errors.js';
import { CodecClient } from '../support/codec-client.js';
import type { ChatServer } from '../support/chat-app.js';
import { next } from '../support/observe.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { delivered, onlyConnection, turn, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

/** Ends a test that would otherwise block the loop for ever. */
const MAX_ROUNDS = 100_000;

describe('once per turn', () => {
  it('hands on in the next turn what came in this one, in order', async () => {
    const source = new Subject<number>();
    const got: number[] = [];
    oncePerTurn(source).subscribe((value) => got.push(value));
    for (const value of [1, 2, 3]) source.next(value);
    await Promise.resolve();
    expect(got).toEqual([]);
    await turn();
    expect(got).toEqual([1, 2, 3]);
  });

  it('leaves to the turn after that what a listener causes', async () => {
    const source = new Subject<number>();
    const got: number[] = [];
    oncePerTurn(source).subscribe((value) => {
      got.push(value);
      source.next(value + 1);
    });
    source.next(0);
    for (let round = 1; round <= 3; round++) {
      await turn();
      expect(got).toHaveLength(round);
    }
  });

  it('keeps so many of a turn, and says how many more there were', async () => {
    const source = new Subject<number>();
    const got: number[] = [];
    oncePerTurn(source, { max: 3, dropped: (count) => -count }).subscribe((value) => got.push(value));
    for (let value = 0; value < 5000; value++) source.next(value);
    await turn();
    for (let value = 0; value < 3; value++) source.next(value);
    await turn();
    expect(got).toEqual([0, 1, 2, -4997, 0, 1, 2]);
  });

  it('hands on what waits when the source completes, and then completes', () => {
    const source = new Subject<string>();
    const got: string[] = [];
    oncePerTurn(source).subscribe({ next: (value) => got.push(value), complete: () => got.push('complete') });
    source.next('last');
    source.complete();
    expect(got).toEqual(['last', 'complete']);
  });

  it('hands nothing on to whoever has unsubscribed, and lets go of the source', async () => {
    const source = new Subject<number>();
    const got: number[] = [];
    const subscription = oncePerTurn(source).subscribe((value) => got.push(value));
    source.next(1);
    subscription.unsubscribe();
    await turn();
    expect([got, source.observed]).toEqual([[], false]);
  });
});

describe('while Redis is down', () => {
  let redis: RedisServer;
  let server: ChatServer;

  async function outage(): Promise<void> {
    redis = await startRedis();
    farm.onEnd(() => redis.stop());
    server = await farm.server(farm.options(redis.url));
    await redis.kill();
    await next(server.backplane.status$, ({ state }) => state === 'reconnecting');
  }

  /** Emits from the listener until Redis is back; the loop has to turn for that. */
  async function recovers(rounds: () => number): Promise<void> {
    for (let turns = 0; turns < 100; turns++) {
      const before = rounds();
      await turn();
      // This turn's round may run before or after this test's.
      expect(rounds() - before).toBeLessThanOrEqual(2);
    }
    expect(rounds()).toBeGreaterThan(0);
    await redis.start();
    await next(server.backplane.status$, ({ state }) => state === 'ready');
  }

  it.each<[name: string, react: () => unknown]>([
    ['emits', () => server.broadcaster.emit('failed')],
    ['emits to a group, volatile and not', () => server.broadcaster.group('g').emit('failed')],
    ['awaits what it emits', async () => await server.broadcaster.emit('failed')],
    ['emits what cannot be sent', () => server.broadcaster.local.emit('failed', 1n)],
    ['emits an event that is none', () => server.broadcaster.emit('')],
  ])('a listener of errors$ that %s gets one round per turn, and the loop goes on', async (_name, react) => {
    await outage();
    const escaped = farm.escapes();
    let rounds = 0;
    const subscription = server.backplane.errors$.subscribe(({ stage, message }) => {
      // What Redis and heartbeats tell meanwhile would begin rounds of their own.
      if (stage !== 'publish' || message.startsWith('A heartbeat')) return undefined;
      rounds++;
      return rounds > MAX_ROUNDS || server.backplane.status.state === 'ready' ? undefined : react();
    });
    void server.broadcaster.emit('first');
    await recovers(() => rounds);
    subscription.unsubscribe();
    await turn();
    expect(escaped).toEqual([]);
  });

  it('so do two listeners of errors$, each with a round of its own for each error', async () => {
    await outage();
    let rounds = 0;
    const started = performance.now();
    for (let listener = 0; listener < 2; listener++)
      server.backplane.errors$.subscribe(() => {
        // Each error doubles. What a turn hands on is bounded all the same.
        if (rounds++ < 20_000) void server.broadcaster.emit('failed');
      });
    void server.broadcaster.emit('first');
    await expect.poll(() => rounds, { timeout: 15_000 }).toBeGreaterThanOrEqual(20_000);
    expect(performance.now() - started).toBeLessThan(15_000);
    await redis.start();
    await next(server.backplane.status$, ({ state }) => state === 'ready');
  });

  it('10,000 failures of one turn are 1000 errors and a number', async () => {
    await outage();
    const errors: ReportedError[] = [];
    server.backplane.errors$.subscribe((error) => errors.push(error));
    for (let count = 0; count < 10_000; count++) void server.broadcaster.emit('failed');
    await turn();
    await turn();
    const counts = errors.map(({ message }) => Number(/^(\d+) more errors/.exec(message)?.[1] ?? 1));
    expect(errors.length).toBeLessThanOrEqual(1010);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(10_000);
  });

  it('listeners of the other observables may emit', async () => {
    redis = await startRedis();
    farm.onEnd(() => redis.stop());
    server = await farm.server(farm.options(redis.url));
    await farm.client(server);
    const escaped = farm.escapes();
    const { status$, connectionFailed$, connectionRestored$, loss$ } = server.backplane;
    const told: string[] = [];
    const emit = (what: string): void => {
      told.push(what);
      void server.broadcaster.emit(what);
    };
    status$.subscribe(({ state }) => emit(state));
    connectionFailed$.subscribe(() => emit('failed'));
    connectionRestored$.subscribe(() => emit('restored'));
    loss$.subscribe(({ affected }) => void affected.emit('reload'));
    await redis.kill();
    await next(status$, ({ state }) => state === 'reconnecting');
    await redis.start();
    await next(connectionRestored$);
    await turn();
    expect(escaped).toEqual([]);
    expect(told.filter((what) => what === 'failed')).toHaveLength(1);
    expect(told).toContain('restored');
  });

  it('a listener of errors$ that throws at each of many errors writes one line a second', async () => {
    await outage();
    const logged = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    farm.onEnd(() => logged.mockRestore());
    server.backplane.errors$.subscribe(() => {
      throw new Error('the listener fails');
    });
    for (let count = 0; count < 5000; count++) void server.broadcaster.emit('failed');
    await turn();
    await turn();
    const lines = logged.mock.calls.filter(([line]) => String(line).includes('the listener fails'));
    expect(lines).toHaveLength(1);
  });
});

describe('a listener that fails with a value that cannot be shown', () => {
  const fail = (): never => {
    throw Object.create(null) as Error;
  };

  it('ends no server: status$, errors$', async () => {
    const server = await farm.server();
    const client = await farm.client(server);
    const escaped = farm.escapes();
    const messages: string[] = [];
    server.backplane.errors$.subscribe(fail);
    server.backplane.errors$.subscribe(({ message }) => messages.push(message));
    server.backplane.status$.subscribe(fail);
    await delivered(server, client);
    await turn();
    expect([messages, escaped]).toEqual([['A listener threw: a value that cannot be shown'], []]);
  });
});

describe('a listener of loss$', () => {
  it('that emits what cannot be delivered, as what was lost, gets one round per turn', async () => {
    const server = await farm.server({ ...farm.options(), protocols: ['json', 'msgpack'] });
    const client = await CodecClient.open(`ws://127.0.0.1:${server.port}/chat`, 'msgpack');
    farm.onEnd(() => client.socket.terminate());
    const escaped = farm.escapes();
    const deep: unknown = JSON.parse('['.repeat(150) + ']'.repeat(150));
    let rounds = 0;
    const subscription = server.backplane.loss$.subscribe(({ affected }) => {
      rounds++;
      void affected.emit('lost', deep);
    });
    void onlyConnection(server).emit('hi', deep);
    for (let count = 0; count < 20; count++) await turn();
    subscription.unsubscribe();
    expect(rounds).toBeGreaterThan(5);
    expect(rounds).toBeLessThanOrEqual(21);
    expect(server.backplane.counters.undeliverable).toBe(rounds + 1);
    expect(escaped).toEqual([]);
  });
});
