import { Redis, type RedisOptions } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { RedisBackplaneOptions, RedisRole } from '../../lib/options/redis-backplane-options.js';
import { BusFarm } from '../support/bus-farm.js';
import { administer, inState } from '../support/bus-watch.js';
import { eventually } from '../support/observe.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

function newFarm(): BusFarm {
  const farm = new BusFarm({ connection: redis.url });
  onTestFinished(() => farm.close());
  return farm;
}

/** A typical user's factory. Its clients are closed when the test ends. */
function factoryWith(
  options: RedisOptions,
  clients: Redis[] = [],
): RedisBackplaneOptions['connectionFactory'] {
  return (_role: RedisRole, required: RedisOptions) => {
    const client = new Redis({ ...required, port: redis.port, ...options });
    client.on('error', () => undefined);
    clients.push(client);
    onTestFinished(() => client.disconnect());
    return client;
  };
}

const killClients = (): Promise<unknown> =>
  administer(redis.url, (client) => client.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));

/** Strategies that are common in tutorials, or that contain a typical bug. */
const STRATEGIES: readonly (readonly [name: string, strategy: NonNullable<RedisOptions['retryStrategy']>])[] =
  [
    ['gives up at once', () => null],
    ['returns nothing', () => undefined],
    [
      'throws',
      () => {
        throw new Error('a bug in a retryStrategy');
      },
    ],
    ['returns no number', () => 'soon' as unknown as number],
    ['returns NaN', () => NaN],
  ];

describe('a retryStrategy that', () => {
  it.each(STRATEGIES)('%s does not keep the link from reconnecting', async (_name, retryStrategy) => {
    const server = await newFarm().ready({ redis: { retryStrategy } });
    for (let time = 0; time < 2; time++) {
      const lost = inState(server, 'reconnecting');
      await killClients();
      await lost;
      await server.ready();
    }
  });

  it.each(STRATEGIES)(
    '%s does not stop a client of connectionFactory either',
    async (_name, retryStrategy) => {
      const server = await newFarm().ready({ connectionFactory: factoryWith({ retryStrategy }) });
      const lost = inState(server, 'reconnecting');
      await killClients();
      await lost;
      await server.ready();
    },
  );

  it('returns a delay is used', async () => {
    const attempts: number[] = [];
    const retryStrategy = (attempt: number): number => {
      attempts.push(attempt);
      return 1;
    };
    const server = await newFarm().ready({ redis: { retryStrategy } });
    const lost = inState(server, 'reconnecting');
    await killClients();
    await lost;
    await server.ready();
    expect(attempts).toContain(1);
  });
});

describe('an option that would end working connections', () => {
  it.each<[name: string, options: RedisOptions]>([
    ['a commandTimeout shorter than the round trip', { commandTimeout: 1 }],
    ['reconnectOnError: () => true', { reconnectOnError: () => true }],
    ['a short socketTimeout', { socketTimeout: 50 }],
  ])('is ignored in `redis`, so the server stays ready: %s', async (_name, options) => {
    const server = await newFarm().ready({ redis: options });
    await server.bus.want('any');
    expect(server.bus.status.state).toBe('ready');
  });

  it.each<[name: string, options: RedisOptions]>([
    ['commandTimeout', { commandTimeout: 1 }],
    ['reconnectOnError', { reconnectOnError: () => true }],
    ['socketTimeout', { socketTimeout: 50 }],
  ])('fails at startup if connectionFactory sets it, and the error names it: %s', async (name, options) => {
    const server = newFarm().server({ connectionFactory: factoryWith(options) });
    await expect(server.start()).rejects.toThrow(new RegExp(`whose option ${name} is set`));
  });
});

describe('a client of connectionFactory', () => {
  it('is connected again if its owner closes it while the app runs, and stays closed after the app has closed', async () => {
    const clients: Redis[] = [];
    const farm = newFarm();
    const server = await farm.ready({ connectionFactory: factoryWith({}, clients) });
    const lost = inState(server, 'reconnecting');
    clients.forEach((client) => client.disconnect());
    await lost;
    await server.ready();
    await server.bus.close();
    await eventually(() => expect(clients.map(({ status }) => status)).toEqual(['end', 'end']));
  });

  it.each(['one client', 'one pair'])(
    'is refused if %s serves two apps at once, but can serve one app after the other',
    async (shared) => {
      const clients = new Map<string, Redis>();
      const make = factoryWith({});
      const connectionFactory: RedisBackplaneOptions['connectionFactory'] = (role, required) => {
        const key = shared === 'one pair' || role === 'subscriber' ? role : `${role} ${clients.size}`;
        const client = clients.get(key) ?? (make?.(role, required) as Redis);
        clients.set(key, client);
        return client;
      };
      const [one, other] = [newFarm(), newFarm()];
      const first = await one.ready({ connectionFactory });
      await expect(other.server({ connectionFactory }).start()).rejects.toThrow(
        /serves another app: create a new client for each app and role/,
      );
      await first.bus.close();
      await other.ready({ connectionFactory });
    },
  );

  it('has its retryStrategy wrapped only once, even if it serves one app after the other', async () => {
    const clients = new Map<string, Redis>();
    const make = factoryWith({ retryStrategy: () => 1 });
    const connectionFactory: RedisBackplaneOptions['connectionFactory'] = (role, required) => {
      const client = clients.get(role) ?? (make?.(role, required) as Redis);
      clients.set(role, client);
      return client;
    };
    const strategies = new Set<unknown>();
    for (let app = 0; app < 3; app++) {
      const server = await newFarm().ready({ connectionFactory });
      strategies.add(clients.get('subscriber')?.options.retryStrategy);
      await server.bus.close();
    }
    expect(strategies.size).toBe(1);
  });

  it('can be used after it was refused for its options, once they are right', async () => {
    const clients: Redis[] = [];
    const wrong = factoryWith({ commandTimeout: 1 }, clients);
    await expect(newFarm().server({ connectionFactory: wrong }).start()).rejects.toThrow(
      /commandTimeout is set/,
    );
    for (const client of clients) client.options.commandTimeout = undefined;
    const connectionFactory: RedisBackplaneOptions['connectionFactory'] = (role) => {
      const client = clients.find(({ options }) => options.connectionName?.endsWith(role));
      if (!client) throw new Error(`There is no ${role}.`);
      return client;
    };
    await newFarm().ready({ connectionFactory });
  });

  it('is refused if it serves both roles', async () => {
    let client: Redis | undefined;
    const make = factoryWith({});
    const server = newFarm().server({
      connectionFactory: (role, required) => (client ??= make?.(role, required) as Redis),
    });
    await expect(server.start()).rejects.toThrow(/the same client for publisher and subscriber/);
  });

  it("does not deliver messages of its owner's other channels to the bus", async () => {
    const clients: Redis[] = [];
    const server = await newFarm().ready({ connectionFactory: factoryWith({}, clients) });
    const subscriber = clients.find(({ options }) => options.connectionName?.endsWith('subscriber'));
    await subscriber?.subscribe('news');
    const received = new Promise((resolve) => subscriber?.once('messageBuffer', resolve));
    await administer(redis.url, (client) => client.publish('news', 'not ours'));
    await received;
    expect(server.bus.counters.malformed).toBe(0);
  });
});
