import { describe, expect, it } from 'vitest';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { plainDialect } from '../../lib/protocol/dialect.js';
import { jsonProtocol } from '../../lib/protocol/json-protocol.js';
import { HeldInvocations } from '../../lib/routing/held-invocations.js';
import { LocalConnection } from '../../lib/routing/local-connection.js';
import { InvokeTimeoutError } from '../../lib/routing/request.errors.js';
import {
  connectMember,
  disconnected,
  type Member,
  rejection,
  serverPair,
  useRedis,
} from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { heapUsed } from '../support/heap.js';
import { RedisInspector } from '../support/redis-inspector.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis({ own: true });

const CLIENTS = 20;
const MEBIBYTE = 1024 * 1024;

/** Connects clients, lets them join and leave new groups `joins` times in total, and disconnects them. */
async function churn(server: ChatServer, joins: number, round: string): Promise<void> {
  const members: Member[] = [];
  for (let number = 0; number < CLIENTS; number++)
    members.push(await connectMember(farm, server, `${round}/${number}`));
  const joinAndLeave = async (connection: BackplaneConnection, number: number): Promise<void> => {
    for (let join = 0; join < joins / CLIENTS; join++) {
      const group = `${round}/${number}/${join}`;
      await connection.join(group);
      // The disconnect leaves every second group.
      if (join % 2 === 0) await connection.leave(group);
    }
  };
  await Promise.all(members.map(({ connection }, number) => joinAndLeave(connection, number)));
  await Promise.all(members.map(disconnected));
}

describe('After 10,000 joins and leaves and after all clients have disconnected', () => {
  it('Redis has no subscription to a group or user left, and the heap has not grown', async () => {
    const [server] = await serverPair(farm, redis.url);
    const prefix = farm.options().channelPrefix ?? '';
    const inspector = farm.ending(new RedisInspector(redis.url));
    const members = async (): Promise<string[]> =>
      (await inspector.channels(prefix)).filter((channel) => /:(group|user):/.test(channel));
    // Servers unsubscribe about a second after the last member has left.
    const nobody = () => expect.poll(members, { timeout: 15_000, interval: 100 }).toEqual([]);

    await churn(server, 2_000, 'warm-up');
    await nobody();
    const before = await heapUsed();
    await churn(server, 10_000, 'counted');
    expect(await members()).not.toEqual([]);
    await nobody();
    // 10,000 leaked objects of some 200 bytes would be 2 MB. Poll because the server may still have to read the replies
    // to its unsubscribes.
    const grown = async (): Promise<number> => ((await heapUsed()) - before) / MEBIBYTE;
    await expect.poll(grown, { timeout: 15_000, interval: 200 }).toBeLessThan(1);
    const channels = await inspector.channels(prefix);
    expect(
      channels.map((channel) => channel.slice(prefix.length)).map((name) => name.replace(/[\w-]{12}$/, '…')),
    ).toEqual([':server:…', ':server:…', ':servers']);
  }, 60_000);
});

describe('Requests that a client never replies to', () => {
  it('are dropped by its connection after their timeout', async () => {
    const [near, far] = await serverPair(farm, redis.url);
    const { id, connection } = await connectMember(farm, far);
    const local = (connection as unknown as { session: LocalConnection }).session;
    for (const server of [near, far])
      await rejection(
        server.broadcaster.connection(id).invoke('question', undefined, { timeout: 50 }),
        InvokeTimeoutError,
      );
    await expect.poll(() => local.invocations?.size ?? 0, { timeout: 5_000 }).toBe(0);
  });

  it('are dropped by every connection that they were sent to', async () => {
    const held = new HeldInvocations();
    const sink = { isFull: false, write: () => undefined, flush: () => undefined, close: () => undefined };
    const connections = ['a', 'b'].map(
      (id) => new LocalConnection(id, '/chat', undefined, plainDialect(jsonProtocol), sink),
    );
    held.hold('1', connections, 1, () => undefined);
    await expect.poll(() => connections.map(({ invocations }) => invocations?.size ?? 0)).toEqual([0, 0]);
  });
});
