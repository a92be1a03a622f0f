import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Target } from '../../lib/broadcast/target.js';
import { newConnectionId, newServerId } from '../../lib/protocol/connection-id.js';
import { MAX_CHANNELS } from '../../lib/routing/addressing.js';
import { ConnectionNotFoundError } from '../../lib/routing/request.errors.js';
import { MessageTooLargeError } from '../../lib/routing/routing.errors.js';
import { connectMember, type Member, rejection, serverPair, useRedis } from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { RedisInspector } from '../support/redis-inspector.js';
import { delivered, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis({ own: true });
let near: ChatServer;
let far: ChatServer;
let inspector: RedisInspector;
let prefix: string;
/** One client per server. Its key here is also its user and its group. */
let members: { near: Member; far: Member };

beforeEach(async () => {
  prefix = randomUUID();
  [near, far] = await serverPair(farm, redis.url, { channelPrefix: prefix });
  inspector = farm.ending(new RedisInspector(redis.url));
  members = { near: await connectMember(farm, near, 'near'), far: await connectMember(farm, far, 'far') };
  await Promise.all([members.near.connection.join('near'), members.far.connection.join('far')]);
});

/** Names of 36 characters, as long as a UUID. */
const names = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${index}`.padStart(36, 'name-'));

/** Ids of connections that do not exist, each on a different server. */
const farIds = (count: number): string[] =>
  Array.from({ length: count }, () => newConnectionId(newServerId()));

/** The bytes that Redis reads during `publish`. They include heartbeats, so the limits leave some slack. */
async function bytesOf(publish: () => Promise<unknown>): Promise<number> {
  const before = await inspector.bytesRead();
  await publish();
  return (await inspector.bytesRead()) - before;
}

type Kind = readonly [name: string, names: (count: number) => string[], to: (all: string[]) => Target];

const kinds: readonly Kind[] = [
  ['users', names, (all) => near.broadcaster.user(...all, 'near', 'far')],
  ['groups', names, (all) => near.broadcaster.group(...all, 'near', 'far')],
  [
    'connections on as many servers',
    farIds,
    (all) => near.broadcaster.connection(...all, members.near.id, members.far.id),
  ],
  [
    'users, groups and connections',
    names,
    (all) =>
      near.broadcaster
        .user(...all.slice(0, all.length / 2))
        .group(...all.slice(all.length / 2), 'near', 'far')
        .connection(members.near.id, members.far.id),
  ],
  ['everyone except connections', farIds, (all) => near.broadcaster.except(...all)],
  ['everyone except groups', names, (all) => near.broadcaster.exceptGroup(...all)],
  [
    'two groups except other groups',
    names,
    (all) => near.broadcaster.group('near', 'far').exceptGroup(...all),
  ],
];

describe.each(kinds)('an emit to many: %s', (_name, namesOf, to) => {
  it('sends each name at most twice, however many there are, and each recipient gets one copy', async () => {
    for (const count of [1000, 4000]) {
      const target = to(namesOf(count));
      // A name of 36 bytes with its length and kind is 38.
      expect(await bytesOf(() => target.emit('hi', count))).toBeLessThan(count * 38 * 2 + 20_000);
    }
    await delivered(near, members.near.client, members.far.client);
    for (const { client } of Object.values(members)) expect(client.dataOf('hi')).toEqual([1000, 4000]);
  });
});

describe('an emit to a list', () => {
  it('that contains one name many times costs as much as an emit to that name', async () => {
    const users = Array<string>(4000).fill('far');
    expect(await bytesOf(() => near.broadcaster.user(...users).emit('hi', 'a'))).toBeLessThan(5000);
    expect(await bytesOf(() => near.broadcaster.exceptGroup(...users).emit('hi', 'b'))).toBeLessThan(5000);
    await delivered(near, members.far.client);
    expect(members.far.client.dataOf('hi')).toEqual(['a']);
  });

  it(`of ${MAX_CHANNELS} names goes to their channels, and of one more to the servers channel`, async () => {
    const watch = await inspector.watchPublishes(prefix);
    farm.onEnd(() => watch.close());
    const published = await watch.until('/chat:user:last', async () => {
      await near.broadcaster.group(...names(MAX_CHANNELS - 1), 'far').emit('hi', 'each');
      await near.broadcaster.group(...names(MAX_CHANNELS), 'far').emit('hi', 'all');
      await near.broadcaster.user('last').emit('hi');
    });
    expect(published).toHaveLength(MAX_CHANNELS + 1);
    await delivered(near, members.far.client);
    expect(members.far.client.dataOf('hi')).toEqual(['each', 'all']);
  });

  it.each([MAX_CHANNELS - 1, MAX_CHANNELS, MAX_CHANNELS + 1, 1000])(
    'of %i users reaches each of them once, and no other user',
    async (count) => {
      const stranger = await connectMember(farm, far, 'stranger');
      await near.broadcaster.user(...names(count - 2), 'near', 'far').emit('hi', count);
      await delivered(near, members.near.client, members.far.client, stranger.client);
      for (const { client } of Object.values(members)) expect(client.dataOf('hi')).toEqual([count]);
      expect(stranger.client.dataOf('hi')).toEqual([]);
    },
  );

  it('keeps its order among emits to few and to all', async () => {
    const many = near.broadcaster.group(...names(100), 'far');
    const sent = Array.from({ length: 300 }, (_, index) => index);
    for (const number of sent) {
      const target = [
        many,
        near.broadcaster.group('far'),
        near.broadcaster.all,
        near.broadcaster.user('far'),
      ];
      void target[number % 4]?.emit('hi', number);
    }
    await delivered(near, members.far.client);
    expect(members.far.client.dataOf('hi')).toEqual(sent);
  });

  it('reaches a client that has just joined one of the groups, but not one that has just left', async () => {
    const { client, connection } = members.far;
    const many = near.broadcaster.group(...names(100));
    for (let round = 0; round < 30; round++) {
      const group = names(100)[round] ?? '';
      await connection.join(group);
      await many.emit('hi', round);
      await client.count('hi', round + 1);
      await connection.leave(group);
      await many.emit('hi', 'after the leave');
      await delivered(near, client);
    }
    expect(client.dataOf('hi')).toEqual(Array.from({ length: 30 }, (_, round) => round));
  });

  it('of 4,000 users does not block the event loop', async () => {
    // When the envelope on each channel named all users, this took 3.8 s.
    const target = near.broadcaster.user(...names(4000));
    await target.emit('warm', 'up');
    const startedAt = performance.now();
    await target.emit('hi');
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });

  it('that is too long for one message is refused, and reaches no client', async () => {
    await rejection(near.broadcaster.group(...names(40_000), 'near').emit('hi'), MessageTooLargeError);
    await delivered(near, members.near.client);
    expect(members.near.client.dataOf('hi')).toEqual([]);
  });
});

describe('a command for many connections', () => {
  it('sends each id only a few times, and reports the ids that do not exist', async () => {
    const gone = farIds(2000);
    const ids = [...gone, members.near.id, members.far.id];
    let error: ConnectionNotFoundError | undefined;
    const bytes = await bytesOf(async () => {
      error = await rejection(near.broadcaster.connection(...ids).join('g'), ConnectionNotFoundError);
    });
    // The command is repeated each second until, after two seconds, the ids count as not found.
    expect(bytes).toBeLessThan(2000 * 30 * 6 + 20_000);
    expect([...(error?.connectionIds ?? [])].sort()).toEqual([...gone].sort());
    for (const { connection } of Object.values(members)) expect(connection.groups.has('g')).toBe(true);
  });

  it('that is too long for one message is refused before it has any effect', async () => {
    const ids = [members.near.id, ...farIds(50_000)];
    await rejection(near.broadcaster.connection(...ids).disconnect(), MessageTooLargeError);
    await delivered(near, members.near.client);
  });
});

it('invokeAll for many connections sends each of them one request', async () => {
  const ids = [...farIds(1000), members.near.id, members.far.id];
  const invoked = near.broadcaster.connection(...ids).invokeAll('ask', 1, { timeout: 5000 });
  for (const { client } of Object.values(members)) {
    const { id } = await client.next('ask');
    client.sendRaw(JSON.stringify({ id, data: 'here' }));
  }
  const { responses, missing } = await invoked;
  expect(responses.map(({ connectionId }) => connectionId).sort()).toEqual(
    [members.near.id, members.far.id].sort(),
  );
  expect(missing.servers).toHaveLength(1000);
  for (const { client } of Object.values(members)) expect(client.dataOf('ask')).toEqual([1]);
});
