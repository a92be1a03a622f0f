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
const APPS = 20;

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

/** The number of listeners per event, of the client and of its socket. */
function listenersOf(client: Redis): Record<string, number> {
  const counts = [client, client.stream].flatMap((emitter, index) =>
    emitter.eventNames().map((name) => [`${index} ${String(name)}`, emitter.listenerCount(name)] as const),
  );
  return Object.fromEntries(counts);
}

/** A pair of clients that its owner passes to every app. */
class SharedClients {
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
    return [...this.clients.values()].map(listenersOf);
  }
}

describe("a user's own Redis clients that serve one app after the other", () => {
  /** Starts an app with the clients, lets a WebSocket client join a group, and closes the app. */
  async function runApp(clients: SharedClients): Promise<void> {
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

  it(`have no additional listener and no subscription left after ${APPS} apps`, async () => {
    const clients = new SharedClients();
    await runApp(clients);
    const before = clients.listeners;

    for (let app = 0; app < APPS; app++) await runApp(clients);

    expect(clients.listeners).toEqual(before);
    // The remaining listeners belong to ioredis and to the owner.
    for (const counts of before)
      for (const count of Object.values(counts)) expect(count).toBeLessThanOrEqual(3);
    expect(await inspector.channels(farm.options().channelPrefix ?? '')).toEqual([]);
    expect(clients.of('publisher').status).toBe('ready');
    expect(clients.of('subscriber').status).toBe('ready');
    // Without subscriptions, the client accepts every command again.
    await clients.of('subscriber').ping();
    expect(await clients.of('subscriber').echo('back')).toBe('back');
  });

  it('keep the subscriptions of their owner', async () => {
    const clients = new SharedClients();
    await runApp(clients);
    const received: string[] = [];
    clients.of('subscriber').on('message', (_channel, message) => received.push(message));
    await clients.of('subscriber').subscribe('mine');

    await runApp(clients);

    await inspector.client.publish('mine', 'still here');
    await eventually(() => expect(received).toContain('still here'));
  });

  it('do not delay shutdown if Redis is frozen, and lose the subscriptions of the app once Redis resumes', async () => {
    const clients = new SharedClients();
    const server = await farm.server({
      ...farm.options(),
      connection: undefined,
      connectionFactory: clients.factory,
    });
    const subscriber = clients.of('subscriber');
    const before = listenersOf(subscriber);
    redis.freeze();
    const start = performance.now();
    await server.app.close();
    redis.resume();

    expect(performance.now() - start).toBeLessThan(BUSY_MACHINE_MS);
    for (const [name, count] of Object.entries(listenersOf(subscriber)))
      expect(count).toBeLessThan((before[name] ?? 0) + 1);
    await expect.poll(() => inspector.channels(farm.options().channelPrefix ?? '')).toEqual([]);
  });
});
