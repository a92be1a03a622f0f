import { Redis, type RedisOptions } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserRedisClients } from '../../lib/redis/redis-clients.js';
import { RedisTransport } from '../../lib/redis/redis-transport.js';
import type { TransportEvents } from '../../lib/bus/transport.js';
import { settled } from '../support/fake-transport.js';

type Factory = (role: string, options: RedisOptions) => Redis;

const A_MINUTE_MS = 60_000;
const unhandled: unknown[] = [];
const record = (reason: unknown): unknown => unhandled.push(reason);
const retrying = vi.fn<TransportEvents['retrying']>();
const events = { up: vi.fn(), down: vi.fn(), retrying, moved: vi.fn(), problem: vi.fn(), message: vi.fn() };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  process.on('unhandledRejection', record);
});

afterEach(() => {
  vi.useRealTimers();
  vi.clearAllMocks();
  process.off('unhandledRejection', record);
  unhandled.length = 0;
});

const transportOf = (factory: Factory): RedisTransport =>
  new RedisTransport(new UserRedisClients(factory, {}, 'test'), 'test:*');

const failing = (): Redis => {
  throw new Error('no credentials yet');
};
/** Returns a client without any of the required options. */
const ignoringOptions = (): Redis => new Redis({ lazyConnect: true });

describe("a user's connectionFactory", () => {
  it('is called once per role, with the required options', async () => {
    const factory = vi.fn((_role: string, options: RedisOptions) => new Redis({ ...options, port: 1 }));
    const transport = transportOf(factory);
    await transport.open(events);
    expect(factory.mock.calls.map(([role]) => role).sort()).toEqual(['publisher', 'subscriber']);
    expect(factory.mock.calls[0]?.[1]).toMatchObject({
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResubscribe: false,
      lazyConnect: true,
    });
    await transport.close();
    for (const { value } of factory.mock.results) (value as Redis).disconnect();
  });

  it('fails at startup if the client lacks a required option, and the error names the option', async () => {
    await expect(transportOf(ignoringOptions).open(events)).rejects.toThrow('enableOfflineQueue');
  });

  it('is retried like a connection if it throws', async () => {
    const factory = vi.fn(failing);
    const transport = transportOf(factory);
    await transport.open(events);
    expect(factory).toHaveBeenCalledTimes(2);
    expect(retrying.mock.calls.map(([role, attempt]) => [role, attempt])).toEqual([
      ['publisher', 1],
      ['subscriber', 1],
    ]);
    await vi.advanceTimersByTimeAsync(A_MINUTE_MS);
    expect(factory.mock.calls.length).toBeGreaterThan(100);
    await transport.close();
  });

  it('is not retried after close, for either role', async () => {
    const factory = vi.fn(failing);
    const transport = transportOf(factory);
    await transport.open(events);
    await transport.close();
    await vi.advanceTimersByTimeAsync(A_MINUTE_MS);
    expect(factory).toHaveBeenCalledTimes(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('causes no unhandled rejection if it throws at first and later returns a client with wrong options', async () => {
    const factory = vi
      .fn<Factory>(ignoringOptions)
      .mockImplementationOnce(failing)
      .mockImplementationOnce(failing);
    const transport = transportOf(factory);
    await transport.open(events);
    await vi.advanceTimersByTimeAsync(A_MINUTE_MS);
    await transport.close();
    await settled();
    await settled();
    expect(factory.mock.calls.length).toBeGreaterThan(2);
    expect(unhandled).toEqual([]);
  });
});
