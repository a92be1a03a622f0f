import { Redis, type RedisOptions } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Proxy } from '../../faults/proxy.js';
import { BusFarm, type BusServer } from '../../support/bus-farm.js';
import { collect, eventually, next } from '../../support/observe.js';
import { RedisInspector } from '../../support/redis-inspector.js';
import { type RedisServer, startRedis } from '../../support/redis-server.js';

let redis: RedisServer;
let farm: BusFarm;
let proxy: Proxy;
let inspector: RedisInspector;

beforeEach(async () => {
  redis = await startRedis();
  inspector = new RedisInspector(redis.url);
  farm = new BusFarm({ connection: redis.url });
  proxy = await Proxy.open(redis.port);
});

afterEach(async () => {
  await farm.close();
  await proxy.close();
  await inspector.close();
  await redis.stop();
});

const channel = (name: string): string => `${farm.prefix}:/chat:group:${name}`;

/** Starts a server with a connection factory, so that the test can use its Redis clients. */
async function withOwnClients(): Promise<{ server: BusServer; subscriber: Redis; end: () => void }> {
  const clients: Redis[] = [];
  const connectionFactory = (_role: string, options: RedisOptions): Redis => {
    const client = new Redis({ ...options, port: redis.port });
    client.on('error', () => undefined);
    clients.push(client);
    return client;
  };
  const server = await farm.ready({ connectionFactory });
  const subscriber = clients.find(({ options }) => options.connectionName?.endsWith('subscriber'));
  if (!subscriber) throw new Error('The connection factory was not called for the role subscriber.');
  return { server, subscriber, end: () => clients.forEach((client) => client.disconnect()) };
}

describe('A subscription that is removed behind the server’s back', () => {
  it.each([1, 5])('is restored and reported, with %i lost at once', async (count) => {
    const { server, subscriber, end } = await withOwnClients();
    const other = await farm.ready();
    const names = Array.from({ length: 8 }, (_, index) => channel(`${index}`));
    await Promise.all(names.map((name) => server.bus.want(name)));
    const lost = names.slice(0, count);
    const [errors, losses] = [collect(server.bus.errors$), collect(server.bus.loss$)];
    const takenAt = performance.now();

    await subscriber.unsubscribe(...lost);

    await eventually(() =>
      expect(losses.values.flatMap(({ channels }) => channels).sort()).toEqual(lost.sort()),
    );
    for (const { from, to } of losses.values) {
      expect(from).toBeLessThanOrEqual(takenAt);
      expect(to).toBeGreaterThanOrEqual(takenAt);
    }
    expect(
      errors.values.every(({ stage, message }) => stage === 'subscribe' && message.includes('gone')),
    ).toBe(true);
    const first = lost[0] ?? '';
    await other.publish(first, 'again');
    expect(await server.hears(1)).toEqual(['again']);
    end();
  });

  it('is not confused with the server’s own repeated subscribes and unsubscribes', async () => {
    const server = await farm.ready();
    const errors = collect(server.bus.errors$);
    const losses = collect(server.bus.loss$);
    const until = performance.now() + 4000;
    for (let turn = 0; performance.now() < until; turn++) {
      const name = channel(`${turn % 3}`);
      await server.bus.want(name);
      if (turn % 2 === 0) server.bus.unwant(name);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect([errors.values, losses.values]).toEqual([[], []]);
  });
});

describe('A command that a proxy drops', () => {
  it.each(['subscribe', 'unsubscribe'])(
    'makes the server reconnect and restore its subscriptions: %s',
    async (command) => {
      const server = await farm.ready({ connection: `redis://127.0.0.1:${proxy.port}` });
      const other = await farm.ready();
      await server.bus.want(channel('left'));
      const failed = next(server.bus.connectionFailed$);
      proxy.swallowNext(command);
      if (command === 'subscribe') {
        await expect(server.bus.want(channel('swallowed'))).rejects.toMatchObject({
          name: 'NotSubscribedError',
        });
      } else server.bus.unwant(channel('left'));
      expect((await failed).cause.message).toContain('has not answered a SUBSCRIBE or UNSUBSCRIBE');
      await server.ready();
      await server.bus.want(channel('swallowed'));
      await other.publish(channel('swallowed'), 'works');
      expect(await server.hears(1)).toEqual(['works']);
    },
  );
});

describe('A subscriber link without new subscriptions', () => {
  it('sends a PING every few seconds, so that no idle timeout closes it', async () => {
    await farm.ready();
    const before = await inspector.calls('ping');
    await eventually(async () => expect(await inspector.calls('ping')).toBeGreaterThanOrEqual(before + 3));
  });
});
