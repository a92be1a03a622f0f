import { beforeEach, describe, expect, it } from 'vitest';
import type { ReportedError } from '../../lib/bus/bus.errors.js';
import { NotJoinedError } from '../../lib/routing/routing.errors.js';
import {
  answer,
  connectMember,
  rejection,
  serverPair,
  userOfQuery,
  useRedis,
} from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { leastCommands } from '../support/least-privilege.js';
import { collect, next } from '../support/observe.js';
import { asUser, RedisInspector } from '../support/redis-inspector.js';
import { delivered, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis({ own: true });
let inspector: RedisInspector;

const LEAST = leastCommands();

beforeEach(() => {
  inspector = farm.ending(new RedisInspector(redis.url));
});

describe('Two prefixes on one Redis', () => {
  it('never see each other’s messages, commands or requests, even if one prefix starts with the other', async () => {
    const prefix = farm.options().channelPrefix ?? '';
    const [one, other] = await Promise.all(
      [prefix, `${prefix}:x`].map(async (channelPrefix) => {
        const pair = await serverPair(farm, redis.url, { channelPrefix });
        return { near: pair[0], member: await connectMember(farm, pair[1], 'user') };
      }),
    );
    if (!one || !other) throw new Error('One of the two server pairs did not start.');
    await Promise.all([one, other].map(({ member }) => member.connection.join('group')));
    const { broadcaster } = one.near;

    await broadcaster.emit('told', 'all');
    await broadcaster.group('group').emit('told', 'group');
    await broadcaster.user('user').emit('told', 'user');
    await broadcaster.connection(other.member.id).emit('told', 'connection');
    await broadcaster.join('joined');
    await broadcaster.group('group').leave('group');
    const asked = broadcaster.invokeAll('question');
    answer(one.member.client, await one.member.client.next('question'), 1);

    expect((await asked).responses).toHaveLength(1);
    await delivered(one.near, one.member.client);
    await delivered(other.near, other.member.client);
    expect(one.member.client.dataOf('told')).toEqual(['all', 'group', 'user']);
    expect(
      other.member.client.received.filter(({ event }) => event === 'told' || event === 'question'),
    ).toEqual([]);
    expect([...one.member.connection.groups]).toEqual(['joined']);
    expect([...other.member.connection.groups]).toEqual(['group']);
    await broadcaster.disconnect();
    await one.member.client.closed;
    await delivered(other.near, other.member.client);
  });
});

describe('The least-privilege Redis user', () => {
  it('has enough rights for every feature', async () => {
    const options = farm.options(redis.url);
    const user = `least-${options.channelPrefix}`;
    await inspector.setUser(user, `&${options.channelPrefix}:*`, ...LEAST);
    const [near, far] = await serverPair(farm, asUser(redis.url, user));
    const errors = [near, far].map(({ backplane }) => collect(backplane.errors$));
    const atFar = await connectMember(farm, far, 'user');
    const { client, id } = atFar;
    const target = near.broadcaster.connection(id);

    await target.join('group');
    await atFar.connection.join('own');
    await near.broadcaster.emit('told', 'all');
    await near.broadcaster.group('group', 'own').emit('told', 'group');
    await near.broadcaster.user('user').emit('told', 'user');
    await target.emit('told', 'connection');
    const invoked = target.invoke('question');
    answer(client, await client.next('question'), 'answered');
    expect(await invoked).toBe('answered');
    await target.leave('group');
    await near.broadcaster.group('group').emit('told', 'left');
    await delivered(near, client);
    expect(client.dataOf('told')).toEqual(['all', 'group', 'user', 'connection']);
    await target.disconnect();
    await client.closed;

    // It may unsubscribe too.
    await expect
      .poll(() => inspector.channels(`${options.channelPrefix}:/chat:group`), { timeout: 10_000 })
      .toEqual([]);
    // Wait for `connectionRestored$`, because the status is still `ready` until the servers notice the kill.
    const restored = [near, far].map(({ backplane }) => next(backplane.connectionRestored$));
    await inspector.client.client('KILL', 'USER', user);
    await Promise.all(restored);
    await Promise.all(
      [near, far].map(({ backplane }) => next(backplane.status$, ({ state }) => state === 'ready')),
    );
    expect(errors.flatMap(({ values }) => values.filter(({ stage }) => stage === 'subscribe'))).toEqual([]);
    expect([near, far].map(({ backplane }) => backplane.status.state)).toEqual(['ready', 'ready']);
  });

  it('can be set in the option `redis`, which overrides the connection string', async () => {
    const options = farm.options(redis.url);
    const user = `option-${options.channelPrefix}`;
    await inspector.setUser(user, `&${options.channelPrefix}:*`, ...LEAST);
    await farm.server({ ...options, abortConnect: true, redis: { username: user, password: 'any' } });
    expect(await inspector.client.client('LIST')).toContain(`user=${user} `);
  });
});

describe('A missing permission for a channel', () => {
  let near: ChatServer;
  let far: ChatServer;
  let prefix: string;
  let user: string;
  let errors: { readonly values: ReportedError[] };

  beforeEach(async () => {
    const options = farm.options(redis.url);
    prefix = options.channelPrefix ?? '';
    user = `some-${prefix}`;
    const channels = ['server*', '/chat:all', '/chat:user:*', '/chat:group:allowed*'];
    await inspector.setUser(user, ...channels.map((channel) => `&${prefix}:${channel}`), ...LEAST);
    near = await farm.server({ ...options, authenticate: userOfQuery });
    far = await farm.server({
      ...options,
      authenticate: userOfQuery,
      connection: asUser(redis.url, user),
    });
    errors = collect(far.backplane.errors$);
  });

  it('is reported once on errors$, with the pattern to grant', async () => {
    const { connection } = await connectMember(farm, far);
    await rejection(connection.join('forbidden'), NotJoinedError);
    // The server keeps retrying in case the permission is granted, but does not report the error again.
    const before = await inspector.rejectedCalls('subscribe');
    const refused = async (): Promise<number> => {
      await rejection(connection.join('forbidden'), NotJoinedError);
      return (await inspector.rejectedCalls('subscribe')) - before;
    };
    await expect.poll(refused, { timeout: 10_000 }).toBeGreaterThan(5);

    const [error, ...others] = errors.values;
    expect(others).toEqual([]);
    expect(error?.stage).toBe('subscribe');
    expect(error?.message).toContain(`${prefix}:/chat:group:forbidden`);
    expect(error?.message).toContain(`&${prefix}:*`);
  });

  it('affects only that channel, even if it is subscribed together with others', async () => {
    const { client, connection } = await connectMember(farm, far, 'user');
    const names = Array.from({ length: 20 }, (_, number) => `allowed ${number}`);
    const forbidden = ['forbidden 1', 'forbidden 2'];
    // Joins in one tick share a SUBSCRIBE.
    const joins = await Promise.allSettled([...names, ...forbidden].map((group) => connection.join(group)));

    expect(joins.filter(({ status }) => status === 'rejected')).toHaveLength(2);
    expect([...connection.groups]).toEqual(names);
    await near.broadcaster.group(...names).emit('told', 'groups');
    await near.broadcaster.group(...forbidden).emit('told', 'forbidden');
    await near.broadcaster.user('user').emit('told', 'user');
    await near.broadcaster.connection(connection.id).emit('told', 'connection');
    await near.broadcaster.emit('told', 'all');
    await delivered(near, client);
    expect(client.dataOf('told')).toEqual(['groups', 'user', 'connection', 'all']);
  });

  it('to publish fails only that emit, with an error that names the pattern to grant', async () => {
    const { client } = await connectMember(farm, near);
    await expect(far.broadcaster.group('forbidden').emit('told', 1)).rejects.toThrow('NOPERM');
    await far.broadcaster.group('allowed').emit('told', 2);
    await delivered(far, client);
    expect(errors.values).toHaveLength(1);
    expect(errors.values[0]?.message).toContain(`&${prefix}:*`);
  });

  it('makes the status degraded until it is granted', async () => {
    const { client, connection } = await connectMember(farm, far);
    const denied = next(far.backplane.status$, ({ state }) => state === 'degraded');
    await rejection(connection.join('forbidden'), NotJoinedError);
    expect((await denied) as object).toMatchObject({ state: 'degraded' });

    await inspector.client.acl('SETUSER', user, `&${prefix}:*`);
    await connection.join('forbidden');

    await next(far.backplane.status$, ({ state }) => state === 'ready');
    await near.broadcaster.group('forbidden').emit('told', 1);
    await delivered(near, client);
    expect(client.dataOf('told')).toEqual([1]);
  });
});
