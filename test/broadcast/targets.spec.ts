import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TargetWidenedError } from '../../lib/broadcast/broadcast.errors.js';
import type { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import type { Target } from '../../lib/broadcast/target.js';
import { InvokeTargetError } from '../../lib/routing/request.errors.js';
import type { ChatServer } from '../support/chat-app.js';
import { acquireRedis, type AcquiredRedis } from '../support/redis-server.js';
import { delivered, idOf, join, useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

const farm = useTestFarm();
let redis: AcquiredRedis;

beforeAll(async () => {
  redis = await acquireRedis();
});
afterAll(() => redis.stop());

describe.each<[name: string, connection: () => string | undefined]>([
  ['memory', () => undefined],
  ['Redis', () => redis.url],
])('an emit through %s from one of two servers', (_name, connection) => {
  let near: ChatServer;
  let far: ChatServer;
  /** Two clients of each server, and their ids. */
  let clients: { a1: WsClient; a2: WsClient; b1: WsClient; b2: WsClient };
  let ids: Record<keyof typeof clients, string>;

  beforeEach(async () => {
    const options = farm.options(connection());
    [near, far] = [await farm.server(options), await farm.server(options)];
    const open = (server: ChatServer): Promise<WsClient> => farm.client(server);
    clients = { a1: await open(near), a2: await open(near), b1: await open(far), b2: await open(far) };
    const { a1, a2, b1, b2 } = clients;
    ids = { a1: await idOf(a1), a2: await idOf(a2), b1: await idOf(b1), b2: await idOf(b2) };
  });

  /** The names of the clients that got the event, repeated for each copy. */
  async function receivers(event = 'hi'): Promise<string[]> {
    await delivered(near, ...Object.values(clients));
    return Object.entries(clients).flatMap(([name, client]) => client.dataOf(event).map(() => name));
  }

  it('to all reaches every client once, with its data', async () => {
    await near.broadcaster.emit('hi', { text: 'ü', list: [1, null] });
    expect(await receivers()).toEqual(['a1', 'a2', 'b1', 'b2']);
    for (const client of Object.values(clients))
      expect(client.dataOf('hi')).toEqual([{ text: 'ü', list: [1, null] }]);
  });

  it('to all is the same as .all.emit', async () => {
    await near.broadcaster.all.emit('hi', 1);
    expect(await receivers()).toEqual(['a1', 'a2', 'b1', 'b2']);
  });

  it('except connections skips them on both servers', async () => {
    await near.broadcaster.except(ids.a1, ids.b2, 'nobody').emit('hi');
    expect(await receivers()).toEqual(['a2', 'b1']);
  });

  it('to a group reaches its members on both servers', async () => {
    await join(clients.a1, 'g');
    await join(clients.b1, 'g');
    await near.broadcaster.group('g').emit('hi');
    expect(await receivers()).toEqual(['a1', 'b1']);
  });

  it('to a group whose members are all on the other server reaches them', async () => {
    await join(clients.b2, 'g');
    await near.broadcaster.group('g').emit('hi');
    expect(await receivers()).toEqual(['b2']);
  });

  it('with exceptGroup skips the members of the group on both servers', async () => {
    await join(clients.a1, 'out');
    await join(clients.b1, 'out');
    await near.broadcaster.exceptGroup('out').emit('hi');
    expect(await receivers()).toEqual(['a2', 'b2']);
  });

  it('to a group except a group and a connection reaches the other members', async () => {
    for (const client of Object.values(clients)) await join(client, 'g');
    await join(clients.b1, 'out');
    await near.broadcaster.group('g').exceptGroup('out').except(ids.a1).emit('hi');
    expect(await receivers()).toEqual(['a2', 'b2']);
  });

  it('to connections reaches them on any server', async () => {
    await near.broadcaster.connection(ids.a2, ids.b1).emit('hi');
    expect(await receivers()).toEqual(['a2', 'b1']);
  });

  it('with .local reaches only clients of this server', async () => {
    await near.broadcaster.local.emit('hi');
    await near.broadcaster.local.connection(ids.b1).emit('hi');
    expect(await receivers()).toEqual(['a1', 'a2']);
  });

  it('to a union reaches a client once, even if several parts include it', async () => {
    for (const group of ['g', 'h', 'i']) {
      await join(clients.a1, group);
      await join(clients.b1, group);
    }
    await join(clients.b2, 'i');
    await near.broadcaster.group('g', 'h').group('i').connection(ids.a1, ids.b1, ids.b2).emit('hi');
    expect(await receivers()).toEqual(['a1', 'b1', 'b2']);
  });

  it('to overlapping unions arrives exactly once and in order', async () => {
    await join(clients.a1, 'g');
    await join(clients.b1, 'g');
    await join(clients.b1, 'h');
    const numbers = Array.from({ length: 500 }, (_, index) => index);
    for (const number of numbers) {
      const target =
        number % 2 ? near.broadcaster.group('g', 'h') : near.broadcaster.group('h').connection(ids.b1);
      void target.emit('hi', number);
    }
    await delivered(near, ...Object.values(clients));
    expect(clients.b1.dataOf('hi')).toEqual(numbers);
  });

  it('to a group named twice, or to all and a group, is delivered once', async () => {
    await join(clients.b1, 'g');
    await near.broadcaster.group('g', 'g').group('g').emit('hi');
    await near.broadcaster.all.group('g').emit('ho');
    expect(await receivers('hi')).toEqual(['b1']);
    expect(await receivers('ho')).toEqual(['a1', 'a2', 'b1', 'b2']);
  });

  it('to unknown connections, groups and users reaches no client', async () => {
    const gone = `${near.backplane.serverId}.AAAAAAAAAAAA`;
    for (const id of [gone, 'AAAAAAAAAAAA.AAAAAAAAAAAA', 'no id of ours', ids.a1.toLowerCase() + 'x']) {
      await near.broadcaster.connection(id).emit('hi');
    }
    await near.broadcaster.group('nobody').emit('hi');
    await near.broadcaster.user('nobody').emit('hi');
    expect(await receivers()).toEqual([]);
  });

  it('to a group compares its exact name: case matters, and no character is special', async () => {
    const names = [
      'g',
      'G',
      ' g',
      'g ',
      '*',
      'g*',
      '[g]',
      '?',
      'a:b',
      'a:group:b',
      'all',
      '/chat:all',
      '%3A',
      ':',
      'ü',
      'u\u0308',
      '😀',
      '\n',
      '\0',
      '__proto__',
      'x'.repeat(4096),
    ];
    for (const name of names) await join(clients.b1, name);
    await join(clients.b2, 'g');

    for (const name of names) await near.broadcaster.group(name).emit('hi', name);

    await delivered(near, ...Object.values(clients));
    expect(clients.b1.dataOf('hi')).toEqual(names);
    expect(clients.b2.dataOf('hi')).toEqual(['g']);
    expect(clients.a1.dataOf('hi')).toEqual([]);
  });
});

it('a target is immutable: every call returns a new one', async () => {
  const server = await farm.server();
  const client = await farm.client(server);
  await join(client, 'g');
  const other = server.broadcaster.group('other');
  const [both, less] = [other.group('g'), server.broadcaster.all.exceptGroup('g')];

  expect((await other.emit('x')).local).toBe(0);
  expect((await both.emit('x')).local).toBe(1);
  expect((await less.emit('x')).local).toBe(0);
  expect((await server.broadcaster.emit('x')).local).toBe(1);
});

it.each([
  ['empty', ''],
  ['longer than 4096 bytes', 'ü'.repeat(2049)],
  ['half a surrogate pair', 'a\ud83d'],
])('a group name that is %s is refused by targets and by join', async (_name, group) => {
  const server = await farm.server();
  const client = await farm.client(server);
  expect(() => server.broadcaster.group(group)).toThrow(/group's name must/);
  expect(() => server.broadcaster.exceptGroup(group)).toThrow(/group's name must/);
  const [connection] = server.broadcaster.localConnections;
  await expect(connection?.join(group)).rejects.toThrow(/group's name must/);
  expect(connection?.groups.size).toBe(0);
  await delivered(server, client);
});

describe('an empty target', () => {
  const emptyTargets: [name: string, of: (broadcaster: Broadcaster) => Target][] = [
    ['.group()', (broadcaster) => broadcaster.group(...[])],
    ['.user()', (broadcaster) => broadcaster.user(...[])],
    ['.connection()', (broadcaster) => broadcaster.connection(...[])],
    ['.local.group()', (broadcaster) => broadcaster.local.group(...[])],
    ['.volatile.user()', (broadcaster) => broadcaster.volatile.user(...[])],
    ['.group().except()', (broadcaster) => broadcaster.group(...[]).except(...[])],
    ['.except(x).group()', (broadcaster) => broadcaster.except('x').group(...[])],
    ['.exceptGroup(x).user()', (broadcaster) => broadcaster.exceptGroup('x').user(...[])],
  ];

  it.each(emptyTargets)('%s has no effect, whatever the method', async (_name, of) => {
    const [near, far] = await Promise.all([farm.server(), farm.server()]);
    const clients = await Promise.all([farm.client(near), farm.client(far)]);
    const target = of(near.broadcaster);
    expect(await target.emit('hi')).toEqual({ local: 0, backplane: 'notNeeded' });
    await target.join('g');
    await target.leave('g');
    await target.disconnect();
    expect(await target.invokeAll('ask')).toEqual({
      responses: [],
      missing: { servers: [], connections: [] },
    });
    await expect(target.invoke('ask')).rejects.toThrow(InvokeTargetError);
    await delivered(near, ...clients);
    expect(clients.map((client) => client.dataOf('hi').length)).toEqual([0, 0]);
    expect([...near.broadcaster.localConnections].map(({ groups }) => groups.size)).toEqual([0]);
  });

  it('followed by a name is the target of that name', async () => {
    const server = await farm.server();
    const client = await farm.client(server);
    await join(client, 'g');
    expect(
      (
        await server.broadcaster
          .user(...[])
          .group('g')
          .emit('hi')
      ).local,
    ).toBe(1);
    expect(
      (
        await server.broadcaster
          .group('g')
          .user(...[])
          .emit('hi')
      ).local,
    ).toBe(1);
    expect(
      (
        await server.broadcaster
          .group('other', ...[])
          .user(...[])
          .emit('hi')
      ).local,
    ).toBe(0);
  });
});

describe('the target of everyone', () => {
  it('is the broadcaster itself, .all, or everyone except some', async () => {
    const server = await farm.server();
    await farm.client(server);
    const { broadcaster } = server;
    for (const target of [
      broadcaster,
      broadcaster.all,
      broadcaster.local.all,
      broadcaster.except(...[]),
      broadcaster.except('nobody').all,
      broadcaster.exceptGroup(...[]),
      broadcaster.all.group(...[]),
    ])
      expect((await target.emit('hi')).local).toBe(1);
  });

  it.each<[name: string, of: (broadcaster: Broadcaster) => Target]>([
    ['.group(a)', (broadcaster) => broadcaster.group('a')],
    ['.group()', (broadcaster) => broadcaster.group(...[])],
    ['.user(u).except(x)', (broadcaster) => broadcaster.user('u').except('x')],
  ])('is not available as .all of %s, which throws TargetWidenedError', async (_name, of) => {
    const { broadcaster } = await farm.server();
    expect(() => of(broadcaster).all).toThrow(TargetWidenedError);
  });
});
