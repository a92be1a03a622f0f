import { beforeAll, describe, expect, it } from 'vitest';
import type { Target } from '../../lib/broadcast/target.js';
import { connectMember, type Member, useRedis } from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { eventually } from '../support/observe.js';
import { asUser, RedisInspector } from '../support/redis-inspector.js';
import { type Random, withSeed } from '../support/seed.js';
import { delivered, useTestFarm } from '../support/test-farm.js';

const GROUPS = ['a', 'b', 'c'];
const USERS = ['ann', 'bob', undefined];
const STATES = 1000;

const farm = useTestFarm();
const redis = useRedis();

const admit = ({ url = '/' }: { url?: string }) => {
  const userId = new URL(url, 'ws://server').searchParams.get('user');
  return userId === null ? {} : { userId };
};

/** A random target that names groups, users and connections, and excludes some. */
function randomTarget(random: Random, { broadcaster }: ChatServer, members: readonly Member[]): Target {
  const ids = members.map(({ id }) => id);
  let target: Target = broadcaster;
  if (random.below(4) > 0) target = target.group(...random.list(2, () => random.pick(GROUPS)));
  if (random.below(3) === 0) target = target.user(random.pick(['ann', 'bob', 'eve']));
  if (random.below(3) === 0) target = target.connection(random.pick(ids));
  if (random.below(3) === 0) target = target.except(random.pick(ids));
  if (random.below(4) === 0) target = target.exceptGroup(random.pick(GROUPS));
  return random.below(6) === 0 ? target.local : target;
}

it(
  `in ${STATES} random states, an emit reaches exactly those whom explain named`,
  () =>
    withSeed(async (random) => {
      const options = { ...farm.options(), authenticate: admit };
      const servers = await Promise.all([farm.server(options), farm.server(options), farm.server(options)]);
      const members: Member[] = [];
      for (const server of servers)
        for (const user of USERS) members.push(await connectMember(farm, server, user));
      for (let state = 0; state < STATES; state++) {
        const member = random.pick(members);
        const group = random.pick(GROUPS);
        await (random.below(2) === 0 ? member.connection.join(group) : member.connection.leave(group));
        const server = random.pick(servers);
        const target = randomTarget(random, server, members);

        const { servers: explained, missing } = await target.explain({ sample: 100 });
        const event = `state ${state}`;
        await target.emit(event);

        await delivered(server, ...members.map(({ client }) => client));
        const reached = members.filter(({ client }) =>
          client.received.some((message) => message.event === event),
        );
        expect(missing).toEqual([]);
        expect(explained.flatMap(({ sample }) => sample).sort(), event).toEqual(
          reached.map(({ id }) => id).sort(),
        );
        for (const { connections, sample } of explained) expect(connections).toBe(sample.length);
        const asked = random.pick(members);
        const { receives } = await server.broadcaster.connection(asked.id).explain(target);
        expect(receives, event).toBe(reached.includes(asked));
        for (const { client } of members) client.received.length = 0;
      }
    }),
  120_000,
);

describe('explain', () => {
  it('says what an emit would cost and what would happen to it', async () => {
    const options = { ...farm.options(), authenticate: admit };
    const [near, far] = await Promise.all([farm.server(options), farm.server(options)]);
    const { id } = await connectMember(farm, far, 'ann');
    const before = near.backplane.counters.published;
    const target = near.broadcaster.group('a').user('ann');
    const { servers, cost, backplane } = await target.explain({ event: 'x', data: 'y'.repeat(1000) });
    expect(servers.find(({ serverId }) => serverId === far.backplane.serverId)).toMatchObject({
      connections: 1,
      sample: [id],
      hears: true,
    });
    expect(cost.channels).toHaveLength(2);
    expect(cost.publishes).toBe(2);
    expect(cost.bytes).toBeGreaterThan(2000);
    expect(backplane).toBe('accepted');
    expect(near.broadcaster.local.explain()).toMatchObject({
      backplane: 'notNeeded',
      cost: { publishes: 0 },
    });
    await expect(near.broadcaster.group('a').explain({ sample: -1 })).rejects.toThrow('sample');
    expect(near.backplane.counters.published).toBeGreaterThan(before);
  });

  it('names the reason for one connection', async () => {
    const options = { ...farm.options(), authenticate: admit };
    const [near, far] = await Promise.all([farm.server(options), farm.server(options)]);
    const { id, connection } = await connectMember(farm, far, 'ann');
    const { broadcaster } = near;
    const why = async (target: Target): Promise<readonly string[]> =>
      (await broadcaster.connection(id).explain(target)).reasons;

    expect(await why(broadcaster.group('a'))).toEqual(['notMember']);
    await connection.join('a');
    expect(await why(broadcaster.group('a'))).toEqual([]);
    expect(await why(broadcaster.group('a').except(id))).toEqual(['excluded']);
    expect(await why(broadcaster.gateway('/other').group('a'))).toEqual(['otherPath']);
    expect(await why(broadcaster.local.group('a'))).toEqual(['otherServer']);
    connection.close();
    expect(await why(broadcaster.group('a'))).toEqual(['notConnected']);
    await expect(broadcaster.group('a').explain(broadcaster.all)).rejects.toThrow('one connection');
  });

  describe('on a Redis', () => {
    let inspector: RedisInspector;

    beforeAll(() => {
      inspector = new RedisInspector(redis.url);
      return () => inspector.close();
    });

    it('says that Redis refuses the channel, and since when', async () => {
      const options = { ...farm.options(redis.url), outage: 'local' as const };
      const prefix = options.channelPrefix ?? '';
      const name = `limited-${prefix}`;
      const channels = ['servers', 'server:*', '/chat:all', '/chat:group:open'];
      await inspector.setUser(name, '+@all', ...channels.map((channel) => `&${prefix}:${channel}`));
      farm.onEnd(() => inspector.client.call('ACL', 'DELUSER', name));
      const near = await farm.server(options);
      const far = await farm.server({ ...options, connection: asUser(redis.url, name) });
      const startedAt = Date.now();
      const { id, connection } = await connectMember(farm, far);
      await connection.join('open');
      await connection.join('closed');
      const { broadcaster } = near;
      expect((await broadcaster.connection(id).explain(broadcaster.group('open'))).receives).toBe(true);
      await eventually(async () => {
        const { reasons, deafSince } = await broadcaster.connection(id).explain(broadcaster.group('closed'));
        expect(reasons).toEqual(['refused']);
        expect(Math.abs((deafSince?.getTime() ?? 0) - startedAt)).toBeLessThan(5000);
      });
      const { servers } = await broadcaster.group('closed').explain();
      expect(servers.find(({ serverId }) => serverId === far.backplane.serverId)).toMatchObject({
        connections: 0,
        hears: false,
        isRefused: true,
      });
    });

    it('says that an emit would be rejected while Redis is away', async () => {
      const options = farm.options('redis://127.0.0.1:1');
      const alone = await farm.server({ ...options, startupTimeout: 1 });
      await expect(alone.broadcaster.group('a').explain()).rejects.toThrow('not published');
      expect(alone.broadcaster.local.group('a').explain().servers).toHaveLength(1);
    });
  });
});
