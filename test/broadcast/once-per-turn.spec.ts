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

/** Stops a test that would otherwise block the event loop forever. */
const MAX_ROUNDS = 100_000;

describe('oncePerTurn', () => {
  it('emits the values of one turn in the next turn, in order', async () => {
    const source = new Subject<number>();
    const got: number[] = [];
    oncePerTurn(source).subscribe((value) => got.push(value));
    for (const value of [1, 2, 3]) source.next(value);
    await Promise.resolve();
    expect(got).toEqual([]);
    await turn();
    expect(got).toEqual([1, 2, 3]);
  });

  it('emits values that a listener causes one turn later', async () => {
    const source = new Subject<number>();
    const got: number[] = [];
    const subscription = oncePerTurn(source).subscribe((value) => {
      got.push(value);
      source.next(value + 1);
    });
    // Without it, the rounds would go on for as long as the process.
    farm.onEnd(() => subscription.unsubscribe());
    source.next(0);
    for (let round = 1; round <= 3; round++) {
      await turn();
      expect(got).toHaveLength(round);
    }
  });

  it('keeps at most `max` values of a turn, and reports how many it dropped', async () => {
    const source = new Subject<number>();
    const got: number[] = [];
    oncePerTurn(source, { max: 3, dropped: (count) => -count }).subscribe((value) => got.push(value));
    for (let value = 0; value < 5000; value++) source.next(value);
    await turn();
    for (let value = 0; value < 3; value++) source.next(value);
    await turn();
    expect(got).toEqual([0, 1, 2, -4997, 0, 1, 2]);
  });

  it('emits waiting values when the source completes, and then completes', () => {
    const source = new Subject<string>();
    const got: string[] = [];
    oncePerTurn(source).subscribe({ next: (value) => got.push(value), complete: () => got.push('complete') });
    source.next('last');
    source.complete();
    expect(got).toEqual(['last', 'complete']);
  });

  it('emits nothing after unsubscribe, and releases the source', async () => {
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

  /** Resolves once Redis is back, for which the listener must not block the event loop. */
  async function recovers(rounds: () => number): Promise<void> {
    for (let turns = 0; turns < 100; turns++) {
      const before = rounds();
      await turn();
      // Within a turn, the listener may run before or after this test.
      expect(rounds() - before).toBeLessThanOrEqual(2);
    }
    expect(rounds()).toBeGreaterThan(0);
    await redis.start();
    await next(server.backplane.status$, ({ state }) => state === 'ready');
  }

  it.each<[name: string, react: () => unknown]>([
    ['emits', () => server.broadcaster.emit('failed')],
    ['emits to a group', () => server.broadcaster.group('g').emit('failed')],
    ['awaits its emit', async () => await server.broadcaster.emit('failed')],
    ['emits data that cannot be encoded', () => server.broadcaster.local.emit('failed', 1n)],
    ['emits an invalid event', () => server.broadcaster.emit('')],
  ])(
    'a listener of errors$ that %s runs once per turn, and does not block the event loop',
    async (_name, react) => {
      await outage();
      const escaped = farm.escapes();
      let rounds = 0;
      const subscription = server.backplane.errors$.subscribe(({ stage, message }) => {
        // Errors of the Redis link and of heartbeats would start rounds of their own.
        if (stage !== 'publish' || message.startsWith('A heartbeat')) return undefined;
        rounds++;
        return rounds > MAX_ROUNDS || server.backplane.status.state === 'ready' ? undefined : react();
      });
      void server.broadcaster.emit('first');
      await recovers(() => rounds);
      subscription.unsubscribe();
      await turn();
      expect(escaped).toEqual([]);
    },
  );

  it('two listeners of errors$ that emit do not block the event loop', async () => {
    await outage();
    let rounds = 0;
    const started = performance.now();
    for (let listener = 0; listener < 2; listener++)
      server.backplane.errors$.subscribe(() => {
        // Each error causes two more, but the number of errors per turn is bounded.
        if (rounds++ < 20_000) void server.broadcaster.emit('failed');
      });
    void server.broadcaster.emit('first');
    await expect.poll(() => rounds, { timeout: 15_000 }).toBeGreaterThanOrEqual(20_000);
    expect(performance.now() - started).toBeLessThan(15_000);
    await redis.start();
    await next(server.backplane.status$, ({ state }) => state === 'ready');
  });

  it('10,000 failures in one turn are reported as 1000 errors and a count', async () => {
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
    const emitted: string[] = [];
    const emit = (what: string): void => {
      emitted.push(what);
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
    expect(emitted.filter((what) => what === 'failed')).toHaveLength(1);
    expect(emitted).toContain('restored');
  });

  it('a listener of errors$ that throws on every error logs one line per second', async () => {
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

describe('a listener that throws a value that cannot be printed', () => {
  const fail = (): never => {
    throw Object.create(null) as Error;
  };

  it('does not crash the server: status$, errors$', async () => {
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
  it('that emits a message that cannot be delivered either runs once per turn', async () => {
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
