import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BusFarm } from '../../support/bus-farm.js';
import { leastPrivilege } from '../../support/least-privilege.js';
import { collect, eventually } from '../../support/observe.js';
import { asUser, RedisInspector } from '../../support/redis-inspector.js';
import { type RedisServer, startRedis } from '../../support/redis-server.js';

let redis: RedisServer;
let inspector: RedisInspector;
let farm: BusFarm;

beforeEach(async () => {
  redis = await startRedis();
  inspector = new RedisInspector(redis.url);
  farm = new BusFarm({ connection: asUser(redis.url, 'app') });
});

afterEach(async () => {
  await farm.close();
  await inspector.close();
  await redis.stop();
});

const documented = leastPrivilege().filter((right) => right.startsWith('+') || right.startsWith('&'));

/** The documented rights for the channels of this test. */
function rights(): string[] {
  return ['-@all', ...documented].map((right) => right.replace('MyApp', farm.prefix));
}

describe('A missing right of the documented ACL rule', () => {
  it.each(documented)('is reported on errors$ with the command that grants it: %s', async (missing) => {
    const right = missing.replace('MyApp', farm.prefix);
    await inspector.setUser('app', ...rights().filter((given) => given !== right));
    const server = farm.server();
    const errors = collect(server.bus.errors$);
    await server.start();
    await server.bus.whenReady(2000);
    await server.bus.want(`${farm.prefix}:/chat:all`).catch(() => undefined);
    server.bus.unwant(`${farm.prefix}:/chat:all`);
    await eventually(() =>
      expect(
        errors.values
          .map(({ message }) => message)
          .filter((message) => message.includes(`ACL SETUSER app ${right}`)),
      ).not.toEqual([]),
    );
  });

  it('is not reported if all rights are granted', async () => {
    await inspector.setUser('app', ...rights());
    const server = farm.server();
    const errors = collect(server.bus.errors$);
    await server.start();
    await server.ready();
    const before = await inspector.calls('ping');
    await eventually(async () => expect(await inspector.calls('ping')).toBeGreaterThan(before));
    expect(errors.values).toEqual([]);
  });
});

describe('A user without +unsubscribe', () => {
  it('gets one error for any number of channels, and the channels are unsubscribed once it is granted', async () => {
    await inspector.setUser('app', ...rights().filter((right) => right !== '+unsubscribe'));
    const server = await farm.ready();
    const errors = collect(server.bus.errors$);
    const channels = Array.from({ length: 300 }, (_, index) => `${farm.prefix}:/chat:group:${index}`);
    await Promise.all(channels.map((channel) => server.bus.want(channel)));
    for (const channel of channels) server.bus.unwant(channel);
    await eventually(() => expect(errors.values).toHaveLength(1));
    expect(errors.values[0]?.message).toContain('and 299 more');
    expect(await inspector.channels(`${farm.prefix}:/chat`)).toHaveLength(300);
    await inspector.client.acl('SETUSER', 'app', '+unsubscribe');
    await expect.poll(() => inspector.channels(`${farm.prefix}:/chat`), { timeout: 15_000 }).toEqual([]);
    expect(errors.values).toHaveLength(1);
  });
});
