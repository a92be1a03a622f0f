import { describe, expect, it } from 'vitest';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
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

/** Clients come, join and leave so many groups that nobody had before, and go. */
async function churn(server: ChatServer, joins: number, round: string): Promise<void> {
  const members: Member[] = [];
  for (let number = 0; number < CLIENTS; number++)
    members.push(await connectMember(farm, server, `${round}/${number}`));
  const joinAndLeave = async (connection: BackplaneConnection, number: number): Promise<void> => {
    for (let join = 0; join < joins / CLIENTS; join++) {
      const group = `${round}/${number}/${join}`;
      await connection.join(group);
      // Every second one is left to the disconnect.
      if (join % 2 === 0) await connection.leave(group);
    }
  };
  await Promise.all(members.map(({ connection }, number) => joinAndLeave(connection, number)));
  await Promise.all(members.map(disconnected));
}

describe('after 10,000 joins and leaves, and all clients gone', () => {
  it('Redis has no subscription of a group or user of ours left, and the heap is flat', async () => {
    const [server] = await serverPair(farm, redis.url);
    const prefix = farm.options().channelPrefix ?? '';
    const inspector = farm.ending(new RedisInspector(redis.url));
    const members = async (): Promise<string[]> =>
      (await inspector.channels(prefix)).filter((channel) => /:(group|user):/.test(channel));
    // Channels linger for about a second.
    const nobody = () => expect.poll(members, { timeout: 15_000, interval: 100 }).toEqual([]);

    await churn(server, 2_000, 'warm-up');
    await nobody();
    const before = await heapUsed();
    await churn(server, 10_000, 'counted');
    expect(await members()).not.toEqual([]);
    await nobody();
    // 10,000 of anything that is kept, at some 200 bytes each, would be 2 MB. Redis has unsubscribed them by now; the server
    // may still have its replies to read.
    const grown = async (): Promise<number> => ((await heapUsed()) - before) / MEBIBYTE;
    await expect.poll(grown, { timeout: 15_000, interval: 200 }).toBeLessThan(1);
    const channels = await inspector.channels(prefix);
    expect(
      channels.map((channel) => channel.slice(prefix.length)).map((name) => name.replace(/[\w-]{12}$/, '…')),
    ).toEqual([':server:…', ':server:…', ':servers']);
  }, 60_000);
});

describe('questions that a client never answers', () => {
  it('are forgotten by its connection when their time is over', async () => {
    const [near, far] = await serverPair(farm, redis.url);
    const { id, connection } = await connectMember(farm, far);
    const local = (connection as unknown as { local: LocalConnection }).local;
    for (const server of [near, far])
      await rejection(
        server.broadcaster.connection(id).invoke('question', undefined, { timeout: 50 }),
        InvokeTimeoutError,
      );
    await expect.poll(() => local.invocations?.size ?? 0, { timeout: 5_000 }).toBe(0);
  });

  it('are forgotten however many connections were asked', async () => {
    const held = new HeldInvocations();
    const sink = { isFull: false, write: () => undefined, flush: () => undefined, close: () => undefined };
    const connections = ['a', 'b'].map(
      (id) => new LocalConnection(id, '/chat', undefined, jsonProtocol, sink),
    );
    held.hold('1', connections, 1, () => undefined);
    await expect.poll(() => connections.map(({ invocations }) => invocations?.size ?? 0)).toEqual([0, 0]);
  });
});
