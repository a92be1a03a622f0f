import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeBus } from '../../bus/bus-contract.js';
import { describeOutages } from '../../bus/outage-contract.js';
import { BusFarm } from '../../support/bus-farm.js';
import { administer, inState, watch } from '../../support/bus-watch.js';
import { leastCommands, leastPrivilege } from '../../support/least-privilege.js';
import { type RedisServer, startRedis } from '../../support/redis-server.js';
import { sayTopology } from '../../support/topology.js';

const PASSWORD = 'pa@ss:w/or?d';

describeBus('through Redis with a password', async () => {
  const redis = await startRedis({ args: ['--requirepass', PASSWORD] });
  await sayTopology('password', { port: redis.port, password: PASSWORD });
  const stranger = new Redis({ port: redis.port, password: PASSWORD });
  return {
    options: { connection: `${redis.host}:${redis.port},password=${PASSWORD}` },
    publishForeign: (channel, bytes) => stranger.publish(channel, bytes),
    close: async () => {
      await stranger.quit();
      await redis.stop();
    },
  };
});

// The contract uses many prefixes, so its user may use all channels.
const rights = ['on', '>password', '&*', ...leastCommands()];

describeBus('through Redis as the least-privilege user', async () => {
  const redis = await startRedis({ args: ['--user', 'least', ...rights] });
  await sayTopology('ACL user', { port: redis.port });
  const stranger = new Redis(redis.url);
  return {
    options: { connection: `redis://least:password@${redis.host}:${redis.port}` },
    publishForeign: (channel, bytes) => stranger.publish(channel, bytes),
    close: async () => {
      await stranger.quit();
      await redis.stop();
    },
  };
});

describeOutages('through Redis as the least-privilege user', async () => {
  const redis = await startRedis({ args: ['--user', 'least', ...rights] });
  return {
    options: { connection: `${redis.host}:${redis.port},user=least,password=password` },
    redis,
    adminUrl: redis.url,
    close: () => redis.stop(),
  };
});

describe('A Redis user', () => {
  let redis: RedisServer;
  let farm: BusFarm;

  beforeAll(async () => {
    redis = await startRedis();
    farm = new BusFarm({ connection: redis.url }, 'MyApp');
  });
  afterAll(async () => {
    await farm.close();
    await redis.stop();
  });

  it('created with the command from the guide has enough rights and no others', async () => {
    await administer(redis.url, (client) => client.call('ACL', 'SETUSER', 'myapp', ...leastPrivilege()));
    const asMyApp = { connection: redis.url.replace('//', '//myapp:password@') };
    const [a, b] = [await farm.ready(asMyApp), await farm.ready(asMyApp)];
    const { errors, states } = watch(b);
    await b.bus.want('MyApp:/chat:all');
    await a.publish('MyApp:/chat:all', 'heard');
    await administer(redis.url, (client) => client.client('KILL', 'TYPE', 'PUBSUB'));
    await inState(b, 'reconnecting');
    await b.ready();
    await a.ready();
    await a.publish('MyApp:/chat:all', 'again');
    expect(await b.hears(2)).toEqual(['heard', 'again']);
    expect(errors).toEqual([]);
    expect(states().at(-1)).toBe('ready');

    await administer(asMyApp.connection, async (client) => {
      await expect(client.get('key')).rejects.toThrow('NOPERM');
      await expect(client.publish('Other:/chat:all', '')).rejects.toThrow('NOPERM');
      await expect(client.config('GET', '*')).rejects.toThrow('NOPERM');
    });
  });

  it.each([
    ['a wrong password', 'myapp:wrong@', 'refuses the user or the password'],
    ['no password although one is required', '', 'asks for a password'],
  ])('with %s is reported with the reason and retried', async (_what, credentials, message) => {
    const server = farm.server({ connection: redis.url.replace('//', `//${credentials}`) });
    await administer(redis.url, (client) => client.config('SET', 'requirepass', 'secret'));
    const { errors } = watch(server);
    await server.start();
    await inState(server, 'reconnecting');
    expect(errors).toMatchObject([{ stage: 'connect', message: expect.stringContaining(message) as string }]);
    await administer(redis.url.replace('//', '//:secret@'), async (client) => {
      await client.call('ACL', 'SETUSER', 'myapp', 'on', '>wrong');
      await client.config('SET', 'requirepass', '');
    });
    await server.ready();
    await server.bus.close();
  });
});
