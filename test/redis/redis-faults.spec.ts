import { type AddressInfo, type Socket, createServer } from 'node:net';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BusFarm } from '../support/bus-farm.js';
import { inState, watch } from '../support/bus-watch.js';
import { next } from '../support/observe.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { describeOutages } from '../bus/outage-contract.js';

describeOutages('through Redis', async () => {
  const redis = await startRedis();
  return {
    options: { connection: redis.url },
    redis,
    adminUrl: redis.url,
    close: () => redis.stop(),
  };
});

let redis: RedisServer;
let farm: BusFarm;
const unhandled: unknown[] = [];
const record = (reason: unknown): unknown => unhandled.push(reason);

beforeEach(async () => {
  process.on('unhandledRejection', record);
  redis = await startRedis();
  farm = new BusFarm({ connection: redis.url });
});

afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await farm.close();
  await redis.stop();
  process.off('unhandledRejection', record);
  expect(unhandled.splice(0)).toEqual([]);
});

describe('if Redis is down at startup', () => {
  it('start resolves, the status is reconnecting, and the server becomes ready once Redis is up', async () => {
    await redis.kill();
    const server = farm.server();
    const { failures, restorations } = watch(server);
    await server.start();
    await inState(server, 'reconnecting');
    expect(await server.bus.whenReady(50)).toBe(false);
    await redis.start();
    await server.ready();
    expect(failures).toHaveLength(1);
    expect(restorations).toHaveLength(1);
  });

  it('close does not wait for Redis, and no client reconnects afterwards', async () => {
    await redis.kill();
    const server = farm.server();
    const connects = vi.spyOn(Redis.prototype, 'connect');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await server.start();
    await inState(server, 'reconnecting');
    await server.bus.close();
    expect(server.bus.status.state).toBe('closed');
    connects.mockClear();
    vi.advanceTimersByTime(60_000);
    expect(connects).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a Redis that accepts connections and never replies', () => {
  it('fails each attempt with a handshake timeout', async () => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const server = farm.server({ connection: `redis://127.0.0.1:${(silent.address() as AddressInfo).port}` });
    const { failures } = watch(server);
    await server.start();
    await next(server.bus.status$, (status) => status.state === 'reconnecting' && status.attempt >= 2);
    expect(failures).toMatchObject([{ cause: { message: expect.stringContaining('handshake') as string } }]);
    await server.bus.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });
});
