import { describe, expect, it } from 'vitest';
import { InvalidNameError } from '../../lib/protocol/channel-names.js';
import { connectMember, type Member, serverPair, useRedis } from '../support/acceptance.js';
import { RedisInspector } from '../support/redis-inspector.js';
import { delivered, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis({ own: true });

/** Names that may collide if code escapes, cuts, trims, case-folds or pattern-matches them. */
const NAMES = [
  'room',
  'Room',
  'room:',
  ':room',
  'room:1',
  'group:room',
  'user:room',
  '*',
  'room*',
  'r?om',
  '[r]oom',
  'room#1',
  '#',
  ' room',
  'room ',
  'two rooms',
  'two\trooms',
  'line\nbreak\r\n',
  '\0',
  '🚀',
  '👩‍👩‍👧',
  'é',
  'e\u0301',
  '%2A',
  '/chat:all',
  '__proto__',
  'all',
  'x'.repeat(1024),
  `${'x'.repeat(1023)}y`,
  'ü'.repeat(512),
];

/** Gives each name one member or user on the far server. Lists the names that did not get exactly their own message. */
async function misdelivered(
  prepare: (member: Member, name: string) => Promise<void>,
  kind: 'group' | 'user',
): Promise<string[]> {
  const [near, far] = await serverPair(farm, redis.url);
  const members = await Promise.all(
    NAMES.map(async (name) => {
      const member = await connectMember(farm, far, kind === 'user' ? name : undefined);
      await prepare(member, name);
      return { name, client: member.client };
    }),
  );
  for (const name of NAMES) await near.broadcaster[kind](name).emit('told', name);
  await delivered(near, ...members.map(({ client }) => client));
  const inspector = farm.ending(new RedisInspector(redis.url));
  expect(await inspector.client.pubsub('NUMPAT')).toBe(0);
  return members
    .filter(({ name, client }) => JSON.stringify(client.dataOf('told')) !== JSON.stringify([name]))
    .map(({ name }) => name);
}

describe('Names with : * # spaces, emoji and 1 KiB length', () => {
  it('as groups never get each other’s messages', async () => {
    expect(await misdelivered(({ connection }, name) => connection.join(name), 'group')).toEqual([]);
  });

  it('as users never get each other’s messages', async () => {
    expect(await misdelivered(() => Promise.resolve(), 'user')).toEqual([]);
  });

  it('do not mix a group and a user of the same name', async () => {
    const [near, far] = await serverPair(farm, redis.url);
    const [member, user] = [await connectMember(farm, far), await connectMember(farm, far, 'same')];
    await member.connection.join('same');
    await near.broadcaster.group('same').emit('told', 'group');
    await near.broadcaster.user('same').emit('told', 'user');
    await delivered(near, member.client, user.client);
    expect([member.client.dataOf('told'), user.client.dataOf('told')]).toEqual([['group'], ['user']]);
  });

  it('are refused if they are empty, too long or not valid Unicode', async () => {
    const [near, far] = await serverPair(farm, redis.url);
    const { connection, id } = await connectMember(farm, far);
    for (const name of ['', '\ud800', 'x'.repeat(4097)]) {
      await expect(connection.join(name)).rejects.toThrow(InvalidNameError);
      await expect(near.broadcaster.connection(id).join(name)).rejects.toThrow(InvalidNameError);
      expect(() => near.broadcaster.group(name)).toThrow(InvalidNameError);
      expect(() => near.broadcaster.user(name)).toThrow(InvalidNameError);
    }
    expect(connection.groups.size).toBe(0);
  });
});
