import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashSlot } from '../../../lib/protocol/hash-slot.js';
import { allPartitions, partitionOf } from '../../../lib/bus/sharded/partition.js';
import type { RedisBackplaneOptions } from '../../../lib/options/redis-backplane-options.js';
import { ChannelNames } from '../../../lib/protocol/channel-names.js';
import { MAX_CHANNELS } from '../../../lib/routing/addressing.js';
import { NotPublishedError } from '../../../lib/routing/routing.errors.js';
import { answer, connectMember, userOfQuery } from '../../support/acceptance.js';
import type { ChatServer } from '../../support/chat-app.js';
import { collect, eventually, next } from '../../support/observe.js';
import { type RedisCluster, startRedisCluster } from '../../support/redis-cluster.js';
import { delivered, useTestFarm } from '../../support/test-farm.js';

const RECOVERY_DEADLINE_MS = 20_000;

const farm = useTestFarm();
let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(() => cluster.stop());

describe.each([
  ['classic', {}],
  ['sharded', { sharded: true }],
] satisfies [string, RedisBackplaneOptions][])('Apps on a Redis Cluster with %s pub/sub', (_name, form) => {
  async function servers(): Promise<[ChatServer, ChatServer, ChatServer]> {
    const options = { ...farm.options(cluster.url), ...form, authenticate: userOfQuery };
    return Promise.all([farm.server(options), farm.server(options), farm.server(options)]);
  }

  it('deliver to a group right after a join, every time', async () => {
    const [near, far] = await servers();
    const { client, connection } = await connectMember(farm, far);
    for (let round = 0; round < 50; round++) {
      await connection.join(`g${round}`);
      await near.broadcaster.group(`g${round}`).emit('hi', round);
    }
    await client.count('hi', 50);
    expect(new Set(client.dataOf('hi'))).toEqual(new Set(Array.from({ length: 50 }, (_, round) => round)));
  });

  it('count and list the connections of all servers right after their joins', async () => {
    const all = await servers();
    for (const server of all)
      for (const user of ['ann', 'bob'])
        await (await connectMember(farm, server, user)).connection.join('room');
    for (const { broadcaster } of all) {
      const room = broadcaster.gateway('/chat').group('room');
      expect(await room.count()).toEqual({ connections: 6, users: 2, missing: [] });
      expect((await room.members()).members).toHaveLength(6);
      expect(await broadcaster.gateway('/chat').user('ann').isOnline()).toBe(true);
      expect(await broadcaster.gateway('/chat').user('eve').isOnline()).toBe(false);
    }
  });

  it('list each other', async () => {
    const all = await servers();
    for (const { backplane } of all)
      await eventually(() => {
        const known = backplane.servers.map(({ serverId, isReady }) => ({ serverId, isReady }));
        const expected = all.map((server) => ({ serverId: server.backplane.serverId, isReady: true }));
        expect(known).toHaveLength(3);
        expect(known).toEqual(expect.arrayContaining(expected));
      });
  });

  it('deliver once to a client that several targets address', async () => {
    const [near, far, third] = await servers();
    const members = [await connectMember(farm, far, 'u'), await connectMember(farm, third, 'u')];
    const groups = Array.from({ length: 20 }, (_, index) => `g${index}`);
    for (const { connection } of members) for (const group of groups) await connection.join(group);
    for (let round = 0; round < 20; round++)
      await near.broadcaster
        .group(...groups)
        .user('u')
        .emit('hi', round);
    await delivered(near, ...members.map(({ client }) => client));
    for (const group of groups) await near.broadcaster.group(group).emit('last', group);
    for (const { client } of members) {
      await client.count('last', groups.length);
      expect(client.dataOf('hi')).toEqual(Array.from({ length: 20 }, (_, round) => round));
    }
  });

  it('deliver once to a client of more targets than a message may have channels', async () => {
    const [near, far, third] = await servers();
    const members = [await connectMember(farm, far, 'u'), await connectMember(farm, third, 'u')];
    const groups = Array.from({ length: MAX_CHANNELS + 8 }, (_, index) => `g${index}`);
    for (const { connection } of members) for (const group of groups) await connection.join(group);
    const many = near.broadcaster.group(...groups).user('u');
    for (let round = 0; round < 20; round++) await many.emit('hi', round);
    await members[0]?.connection.leave('g0');
    await many.exceptGroup('g0').emit('hi', 'who has left');
    await many.emit('last');
    for (const { client } of members) await client.next('last');
    const rounds = Array.from({ length: 20 }, (_, round) => round);
    expect(members.map(({ client }) => client.dataOf('hi'))).toEqual([[...rounds, 'who has left'], rounds]);
  });

  it('let a connection of another server join and resolve once it has', async () => {
    const [near, far] = await servers();
    const { client, id } = await connectMember(farm, far);
    await near.broadcaster.gateway('/chat').connection(id).join('g');
    await near.broadcaster.gateway('/chat').group('g').emit('hi', 1);
    expect((await client.next('hi')).data).toBe(1);
    await near.broadcaster.gateway('/chat').group('g').leave('g');
    await near.broadcaster.gateway('/chat').group('g').emit('hi', 2);
    await delivered(near, client);
    expect(client.dataOf('hi')).toEqual([1]);
  });

  it('invoke a client of another server and all clients of a group', async () => {
    const [near, far, third] = await servers();
    const members = [await connectMember(farm, far), await connectMember(farm, third)];
    const one = near.broadcaster.connection(members[0]?.id ?? '').invoke('question');
    for (const { client } of members.slice(0, 1)) answer(client, await client.next('question'), 'one');
    expect(await one).toBe('one');
    for (const { connection } of members) await connection.join('g');
    const all = near.broadcaster.group('g').invokeAll('question');
    for (const { client, id } of members) answer(client, await client.next('question'), id);
    const { responses, missing } = await all;
    expect(missing).toMatchObject({ servers: [], connections: [] });
    expect(responses).toHaveLength(2);
  });
});

describe.each([
  ['classic', {}, (prefix: string) => hashSlot(prefix)],
  ['sharded', { sharded: true }, slotOfAll],
] satisfies [string, RedisBackplaneOptions, (prefix: string) => number][])(
  'Apps with %s pub/sub whose primary is killed',
  (_name, form, slotOf) => {
    it('serve local clients during the outage, report losses, and reach all clients again', async () => {
      const own = await startRedisCluster();
      farm.onEnd(() => own.stop());
      const options = { ...farm.options(own.url), ...form };
      const [near, far] = [await farm.server(options), await farm.server(options)];
      const [atNear, atFar] = [await connectMember(farm, near), await connectMember(farm, far)];
      const losses = collect(far.backplane.loss$).values;
      const failed = next(near.backplane.connectionFailed$);
      const restored = [near, far].map(({ backplane }) =>
        next(backplane.connectionRestored$, undefined, RECOVERY_DEADLINE_MS),
      );
      await own.kill(await own.primaryOf(slotOf(options.channelPrefix ?? '')));
      await failed;
      await expect(near.broadcaster.emit('meanwhile')).rejects.toThrow(NotPublishedError);
      await atNear.client.next('meanwhile');

      await Promise.all(restored);
      expect(losses.map(({ path }) => path)).toContain('/chat');
      await near.broadcaster.emit('again');
      await Promise.all([atNear.client.next('again'), atFar.client.next('again')]);
      expect(atFar.client.dataOf('meanwhile')).toEqual([]);
    });
  },
);

function slotOfAll(prefix: string): number {
  const channel = new ChannelNames(prefix).target('/chat', { kind: 'all', name: '' });
  return allPartitions(prefix)[partitionOf(channel)]?.slot ?? -1;
}
