import { Redis, type RedisOptions } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserRedisClients } from '../../lib/redis/redis-clients.js';
import { RedisTransport } from '../../lib/redis/redis-transport.js';
import type { TransportEvents } from '../../lib/bus/transport.js';
import { settled } from '../support/fake-transport.js';

type Factory = (role: string, options: RedisOptions) => Redis;

const LONG = 60_000;
const unhandled: unknown[] = [];
const keep = (reason: unknown): unknown => unhandled.push(reason);
const retrying = vi.fn<TransportEvents['retrying']>();
const events = { up: vi.fn(), down: vi.fn(), retrying, moved: vi.fn(), problem: vi.fn(), message: vi.fn() };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  process.on('unhandledRejection', keep);
});

afterEach(() => {
  vi.useRealTimers();
  vi.clearAllMocks();
  process.off('unhandledRejection', keep);
  unhandled.length = 0;
});

const transportOf = (factory: Factory): RedisTransport =>
  new RedisTransport(new UserRedisClients(factory, {}, 'test'), 'test:*');

const failing = (): Redis => {
  throw new Error('no credentials yet');
};
/** Not connected, and without any of the options that are asked for. */
const wrong = (): Redis => new Redis({ lazyConnect: true });

describe("a user's connectionFactory", () => {
  it('is called once for each role, with the options that are required', async () => {
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

  it('that makes a wrong client fails the start, and names the option', async () => {
    await expect(transportOf(wrong).open(events)).rejects.toThrow('enableOfflineQueue');
  });

  it('that fails is called again, as a connection is tried again', async () => {
    const factory = vi.fn(failing);
    const transport = transportOf(factory);
    await transport.open(events);
    expect(factory).toHaveBeenCalledTimes(2);
    expect(retrying.mock.calls.map(([role, attempt]) => [role, attempt])).toEqual([
      ['publisher', 1],
      ['subscriber', 1],
    ]);
    await vi.advanceTimersByTimeAsync(LONG);
    expect(factory.mock.calls.length).toBeGreaterThan(100);
    await transport.close();
  });

  it('that fails is not called any more after close, for either role', async () => {
    const factory = vi.fn(failing);
    const transport = transportOf(factory);
    await transport.open(events);
    await transport.close();
    await vi.advanceTimersByTimeAsync(LONG);
    expect(factory).toHaveBeenCalledTimes(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that fails first and then makes a wrong client ends nothing by an unhandled rejection', async () => {
    const factory = vi.fn<Factory>(wrong).mockImplementationOnce(failing).mockImplementationOnce(failing);
    const transport = transportOf(factory);
    await transport.open(events);
    await vi.advanceTimersByTimeAsync(LONG);
    await transport.close();
    await settled();
    await settled();
    expect(factory.mock.calls.length).toBeGreaterThan(2);
    expect(unhandled).toEqual([]);
  });
});
