import { Redis, type RedisOptions } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RedisRole } from '../../lib/options/redis-backplane-options.js';
import { connectMember } from '../support/acceptance.js';
import { BUSY_MACHINE_MS } from '../support/busy-machine.js';
import { eventually } from '../support/observe.js';
import { RedisInspector } from '../support/redis-inspector.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const TIMES = 20;

let redis: RedisServer;
let inspector: RedisInspector;
beforeAll(async () => {
  redis = await startRedis();
  inspector = new RedisInspector(redis.url);
});
afterAll(async () => {
  await inspector.close();
  await redis.stop();
});

/** How many listeners of each kind the client and its socket have. */
function listeners(client: Redis): Record<string, number> {
  const counts = [client, client.stream].flatMap((emitter, index) =>
    emitter.eventNames().map((name) => [`${index} ${String(name)}`, emitter.listenerCount(name)] as const),
  );
  return Object.fromEntries(counts);
}

/** Clients that their owner keeps, and gives to every app. */
class KeptClients {
  private readonly clients = new Map<RedisRole, Redis>();

  readonly factory = (role: RedisRole, options: RedisOptions): Redis => {
    const known = this.clients.get(role);
    if (known) return known;
    const client = new Redis({ ...options, port: redis.port, protocol: 2 });
    client.on('error', () => undefined);
    this.clients.set(role, client);
    farm.onEnd(() => client.disconnect());
    return client;
  };

  of(role: RedisRole): Redis {
    const client = this.clients.get(role);
    if (!client) throw new Error(`There is no ${role}.`);
    return client;
  }

  get listeners(): Record<string, number>[] {
    return [...this.clients.values()].map(listeners);
  }
}

describe("a user's own Redis clients, given to one app after the other", () => {
  /** Starts an app with them, lets a client join a group, and ends the app. */
  async function serveOnce(clients: KeptClients): Promise<void> {
    const server = await farm.server({
      ...farm.options(),
      connection: undefined,
      connectionFactory: clients.factory,
    });
    const { client, connection } = await connectMember(farm, server);
    await connection.join('group');
    await server.broadcaster.emit('hello');
    await client.next('hello');
    await server.app.close();
  }

  it(`have the listeners that they had, on client and socket, after ${TIMES} apps, and no subscription of ours`, async () => {
    const clients = new KeptClients();
    await serveOnce(clients);
    const before = clients.listeners;

    for (let time = 0; time < TIMES; time++) await serveOnce(clients);

    expect(clients.listeners).toEqual(before);
    // Those are ioredis' own, and the owner's.
    for (const counts of before)
      for (const count of Object.values(counts)) expect(count).toBeLessThanOrEqual(3);
    expect(await inspector.channels(farm.options().channelPrefix ?? '')).toEqual([]);
    expect(clients.of('publisher').status).toBe('ready');
    expect(clients.of('subscriber').status).toBe('ready');
    // Nothing is subscribed, so the client takes any command again.
    await clients.of('subscriber').ping();
    expect(await clients.of('subscriber').echo('back')).toBe('back');
  });

  it('keep what their owner has subscribed', async () => {
    const clients = new KeptClients();
    await serveOnce(clients);
    const heard: string[] = [];
    clients.of('subscriber').on('message', (_channel, message) => heard.push(message));
    await clients.of('subscriber').subscribe('mine');

    await serveOnce(clients);

    await inspector.client.publish('mine', 'still here');
    await eventually(() => expect(heard).toContain('still here'));
  });

  it('are left alone where Redis is frozen at the end: the app ends all the same, and so do its subscriptions, later', async () => {
    const clients = new KeptClients();
    const server = await farm.server({
      ...farm.options(),
      connection: undefined,
      connectionFactory: clients.factory,
    });
    const subscriber = clients.of('subscriber');
    const before = listeners(subscriber);
    redis.freeze();
    const began = performance.now();
    await server.app.close();
    redis.resume();

    expect(performance.now() - began).toBeLessThan(BUSY_MACHINE_MS);
    for (const [name, count] of Object.entries(listeners(subscriber)))
      expect(count).toBeLessThan((before[name] ?? 0) + 1);
    await expect.poll(() => inspector.channels(farm.options().channelPrefix ?? '')).toEqual([]);
  });
});
