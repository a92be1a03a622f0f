import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PublishRefusedError } from '../../lib/bus/transport.js';
import { BusFarm } from '../support/bus-farm.js';
import { administer, inState, watch } from '../support/bus-watch.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { eventually } from '../support/observe.js';

let redis: RedisServer;
let farm: BusFarm;

beforeEach(async () => {
  redis = await startRedis();
  farm = new BusFarm({ connection: redis.url });
});

afterEach(async () => {
  await farm.close();
  await redis.stop();
});

/** The number of commands that Redis has refused. */
async function refusals(url: string): Promise<number> {
  const entries = (await administer(url, (client) => client.acl('LOG'))) as unknown[][];
  // Names and values alternate: the count is the first value.
  return entries.reduce((sum, entry) => sum + Number(entry[1]), 0);
}

describe('if the Redis user may not subscribe a channel', () => {
  it('the status is degraded until the permission is granted, and then ready', async () => {
    const { prefix } = farm;
    const own = [`&${prefix}:servers`, `&${prefix}:server:*`];
    await administer(redis.url, (client) =>
      client.acl('SETUSER', 'app', 'on', '>pw', '+@all', 'resetchannels', ...own),
    );
    const server = await farm.ready({ connection: redis.url.replace('//', '//app:pw@') });
    const subscribed = server.bus.want(`${prefix}:/chat:all`);
    await expect(subscribed).rejects.toMatchObject({ name: 'NotSubscribedError' });
    await expect(server.publish(`${prefix}:/chat:all`, '')).rejects.toThrow(PublishRefusedError);
    expect(server.bus.status).toMatchObject({
      state: 'degraded',
      reason: expect.stringContaining('/chat:all') as string,
    });

    const { states, errors } = watch(server);
    const first = await refusals(redis.url);
    // The bus retries by itself. The retries change no status and report no error.
    await eventually(async () => expect(await refusals(redis.url)).toBeGreaterThanOrEqual(first + 3));
    expect(states()).toEqual(['degraded']);
    expect(errors).toEqual([]);

    await administer(redis.url, (client) => client.acl('SETUSER', 'app', 'allchannels'));
    await inState(server, 'ready');
    const other = await farm.ready();
    await other.publish(`${prefix}:/chat:all`, 'heard');
    expect(await server.heardFrom(other)).toEqual(['heard']);
  });
});
