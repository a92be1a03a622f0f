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

/** How often Redis has refused something. */
async function refusals(url: string): Promise<number> {
  const entries = (await administer(url, (client) => client.acl('LOG'))) as unknown[][];
  // Names and values alternate: the count is the first value.
  return entries.reduce((sum, entry) => sum + Number(entry[1]), 0);
}

describe('a Redis that permits too little', () => {
  it('makes the status degraded for as long, and ready once it permits', async () => {
    const { prefix } = farm;
    const own = [`&${prefix}:servers`, `&${prefix}:server:*`];
    await administer(redis.url, (client) =>
      client.acl('SETUSER', 'app', 'on', '>pw', '+@all', 'resetchannels', ...own),
    );
    const server = await farm.ready({ connection: redis.url.replace('//', '//app:pw@') });
    const wish = server.bus.want(`${prefix}:/chat:all`);
    await expect(wish).rejects.toMatchObject({ name: 'NotSubscribedError' });
    await expect(server.publish(`${prefix}:/chat:all`, '')).rejects.toThrow(PublishRefusedError);
    expect(server.bus.status).toMatchObject({
      state: 'degraded',
      reason: expect.stringContaining('/chat:all') as string,
    });

    const { states, errors } = watch(server);
    const first = await refusals(redis.url);
    // The bus asks again by itself; meanwhile nothing has changed for anybody.
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
