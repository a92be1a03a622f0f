import { Redis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { ConnectionNotFoundError } from '../../lib/routing/request.errors.js';
import { NotJoinedError } from '../../lib/routing/routing.errors.js';
import {
  connectMember,
  disconnected,
  rejection,
  serverPair,
  useRedis,
  answer,
} from '../support/acceptance.js';
import { BUSY_MACHINE_MS } from '../support/busy-machine.js';
import { asUser, RedisInspector } from '../support/redis-inspector.js';
import { startRedis } from '../support/redis-server.js';
import { delivered, turn, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis({ own: true });
let inspector: RedisInspector;

beforeEach(() => {
  inspector = farm.ending(new RedisInspector(redis.url));
});

async function pairWithFar() {
  const options = farm.options(redis.url);
  const [near, far] = await serverPair(farm, redis.url, options);
  return { near, far, atFar: await connectMember(farm, far), prefix: options.channelPrefix ?? '' };
}

describe('[T1] Group names that differ only in case are two groups', () => {
  it('each is joined, received and left separately, and both are unsubscribed in the end', async () => {
    const { near, atFar, prefix } = await pairWithFar();
    const { client, connection } = atFar;
    const tellBoth = async (text: string): Promise<void> => {
      for (const group of ['Room', 'room'])
        await near.broadcaster.group(group).emit('told', `${group} ${text}`);
      // Wait here, because messages in flight when the connection leaves would not arrive.
      await delivered(near, client);
    };

    await connection.join('Room');
    await tellBoth('one');
    await connection.join('room');
    await tellBoth('both');
    await connection.leave('room');
    await tellBoth('first');
    await connection.join('room');
    await connection.leave('Room');
    await tellBoth('second');

    expect(client.dataOf('told')).toEqual([
      'Room one',
      'Room both',
      'room both',
      'Room first',
      'room second',
    ]);
    await disconnected(atFar);
    await expect.poll(() => inspector.channels(`${prefix}:/chat:group`), { timeout: 10_000 }).toEqual([]);
  });
});

describe('[T2] A join that Redis refuses is rolled back', () => {
  it('and a later join works once it is allowed', async () => {
    const options = farm.options(redis.url);
    const prefix = options.channelPrefix ?? '';
    await inspector.setUser('t2', '+@all', `&${prefix}:server*`, `&${prefix}:/chat:all`);
    const far = await farm.server({ ...options, connection: asUser(redis.url, 't2') });
    const near = await farm.server(options);
    const { client, connection } = await connectMember(farm, far);

    const attempts = [connection.join('group'), connection.join('group')];
    for (const error of await Promise.all(attempts.map((attempt) => rejection(attempt, NotJoinedError))))
      expect(error.group).toBe('group');
    expect(connection.groups.size).toBe(0);
    await inspector.client.acl('SETUSER', 't2', `&${prefix}:*`);
    await connection.join('group');

    await near.broadcaster.group('group').emit('told', 1);
    await delivered(near, client);
    expect(client.dataOf('told')).toEqual([1]);
  });
});

describe('[T4] The subscriber count that PUBLISH returns decides nothing', () => {
  it.each([0, 7])(
    'with a count of %i, existing connections are reached and others are reported missing',
    async (count) => {
      const options = farm.options(redis.url);
      // As in a cluster, where the count covers only one node.
      const near = await farm.server({
        ...options,
        connectionFactory: (_role, required) => {
          const client = new Redis(redis.url, required);
          const publish = async (channel: string, message: Buffer): Promise<number> => {
            await Redis.prototype.publish.call(client, channel, message);
            return count;
          };
          Object.assign(client, { publish });
          farm.onEnd(() => client.disconnect());
          return client;
        },
      });
      const far = await farm.server(options);
      const { id, client } = await connectMember(farm, far);
      const target = near.broadcaster.connection(id);

      const invoked = target.invoke('question');
      answer(client, await client.next('question'), 'here');
      expect(await invoked).toBe('here');
      await target.join('group');
      expect(await near.broadcaster.group('group').emit('told', 1)).toMatchObject({ backplane: 'accepted' });
      expect((await client.next('told')).data).toBe(1);
      const nobody = near.broadcaster.connection(`${far.backplane.serverId}.nobodynobody`);
      await rejection(nobody.invoke('question'), ConnectionNotFoundError);
      await rejection(nobody.join('group'), ConnectionNotFoundError);
    },
  );
});

describe('[T5] Joins of different groups do not wait for each other', () => {
  it('1,000 concurrent joins share a few SUBSCRIBEs', async () => {
    const { near, atFar } = await pairWithFar();
    const before = await inspector.calls('subscribe');
    const groups = Array.from({ length: 1000 }, (_, number) => `group ${number}`);

    await Promise.all(groups.map((group) => atFar.connection.join(group)));

    // 1,000 channels make two batches of at most 512, or a few more if a tick ends in between.
    expect((await inspector.calls('subscribe')) - before).toBeLessThanOrEqual(5);
    await near.broadcaster.group(...groups.slice(-3)).emit('told', 1);
    await delivered(near, atFar.client);
    expect(atFar.client.dataOf('told')).toEqual([1]);
  });
});

describe('[T6] A connection that does not exist is reported at once', () => {
  it('in the error of a join, leave, disconnect or invoke, with its id', async () => {
    const { near, far } = await pairWithFar();
    // Wait until the view of the farm is two heartbeats old. After that unknown ids fail fast.
    await rejection(
      near.broadcaster.connection('nosuchserver.nobodynobody').leave('g'),
      ConnectionNotFoundError,
    );

    const startedAt = performance.now();
    for (const serverId of [near.backplane.serverId, far.backplane.serverId, 'nosuchserver']) {
      const id = `${serverId}.nobodynobody`;
      const target = near.broadcaster.connection(id);
      const calls = [target.join('g'), target.leave('g'), target.disconnect(), target.invoke('question')];
      for (const error of await Promise.all(calls.map((call) => rejection(call, ConnectionNotFoundError))))
        expect(error.connectionIds).toEqual([id]);
    }
    // SignalR takes 30 s for each and reports only a cancellation.
    expect(performance.now() - startedAt).toBeLessThan(BUSY_MACHINE_MS);
  });

  it('while the call still affects the other connections that it names', async () => {
    const { near, far, atFar } = await pairWithFar();
    const nobody = `${far.backplane.serverId}.nobodynobody`;
    const error = await rejection(
      near.broadcaster.connection(nobody, atFar.id).join('group'),
      ConnectionNotFoundError,
    );
    expect(error.connectionIds).toEqual([nobody]);
    expect([...atFar.connection.groups]).toEqual(['group']);
  });
});

describe('[T7] Concurrent joins of the same group', () => {
  it('all wait for the SUBSCRIBE, whichever connection they are for', async () => {
    const slow = await startRedis();
    farm.onEnd(() => slow.stop());
    const [near, far] = await serverPair(farm, slow.url);
    const members = [await connectMember(farm, far), await connectMember(farm, far)] as const;
    const [one, two] = members.map(({ connection }) => connection) as [
      BackplaneConnection,
      BackplaneConnection,
    ];

    slow.freeze();
    let resolved = 0;
    const joins = [one, one, two, two].map(async (connection) => {
      await connection.join('group');
      resolved++;
    });
    const commanded = far.broadcaster
      .connection(one.id)
      .join('group')
      .then(() => resolved++);
    // Long enough for a join that does not wait for Redis.
    for (let turns = 0; turns < 10; turns++) await turn();
    expect(resolved).toBe(0);
    slow.resume();

    await Promise.all([...joins, commanded]);
    await near.broadcaster.group('group').emit('told', 1);
    for (const { client } of members) expect((await client.next('told')).data).toBe(1);
  });
});
