import { beforeAll, describe, expect, it } from 'vitest';
import type { ChatServer } from '../support/chat-app.js';
import { connectMember, type Member, serverPair, useRedis } from '../support/acceptance.js';
import { RedisInspector } from '../support/redis-inspector.js';
import { delivered, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis({ own: true });
let inspector: RedisInspector;

beforeAll(() => {
  inspector = new RedisInspector(redis.url);
  return () => inspector.close();
});

const names = (kind: string, count: number): string[] =>
  Array.from({ length: count }, (_, number) => `${kind} ${number}`);

/** Bytes that Redis has received since its start. */
async function received(): Promise<number> {
  const stats = await inspector.client.info('stats');
  return Number(/total_net_input_bytes:(\d+)/.exec(stats)?.[1]);
}

/** What a call sends to Redis. */
async function bytesOf(call: () => Promise<unknown>): Promise<number> {
  const before = await received();
  await call();
  return (await received()) - before;
}

async function start(): Promise<{ near: ChatServer; members: Member[] }> {
  const [near, far] = await serverPair(farm, redis.url);
  // First, last, and in the middle of the list, on both servers.
  const members = [
    await connectMember(farm, near, 'user 0'),
    await connectMember(farm, far, 'user 0'),
    await connectMember(farm, far, 'user 25'),
    await connectMember(farm, far, 'nobody'),
  ];
  return { near, members };
}

const dataOf = (members: readonly Member[]): number[] =>
  members.map(({ client }) => client.dataOf('n').length);

describe('a message for many targets', () => {
  it.each([1, 2, 31, 32, 33, 34, 1000])('reaches each of %i users once, and nobody else', async (count) => {
    const { near, members } = await start();
    await near.broadcaster.user(...names('user', count)).emit('n', 'hello');
    await delivered(near, ...members.map(({ client }) => client));
    expect(dataOf(members)).toEqual([1, 1, count > 25 ? 1 : 0, 0]);
  });

  it('reaches who is in several of them once, and who is left out not at all', async () => {
    const { near, members } = await start();
    const groups = names('group', 50);
    for (const { connection } of members)
      for (const group of groups.slice(0, 3)) await connection.join(group);
    const target = near.broadcaster.group(...groups).user(...names('user', 50), ...names('user', 50));
    await target.except(members[2]?.id ?? '').emit('n', 'hello');
    await delivered(near, ...members.map(({ client }) => client));
    expect(dataOf(members)).toEqual([1, 1, 0, 1]);
  });

  it.each([
    ['user', (near: ChatServer, count: number) => near.broadcaster.user(...names('user', count))],
    ['group', (near: ChatServer, count: number) => near.broadcaster.group(...names('group', count))],
  ])('costs Redis bytes in proportion to the number of targets: %s', async (_kind, of) => {
    const { near } = await start();
    const small = await bytesOf(() => of(near, 1000).emit('n', 'hello'));
    const large = await bytesOf(() => of(near, 4000).emit('n', 'hello'));
    // 15 bytes for each, and the heartbeats meanwhile; it was 38 MB and 609 MB.
    expect(small).toBeLessThan(40_000);
    expect(large).toBeLessThan(160_000);
  });

  it('costs Redis as much however often a target is named', async () => {
    const { near } = await start();
    const once = await bytesOf(() => near.broadcaster.user('a').emit('n', 'hello'));
    const often = await bytesOf(() =>
      near.broadcaster.user(...Array<string>(4000).fill('a')).emit('n', 'hello'),
    );
    expect(often).toBeLessThan(once + 5000);
  });
});
