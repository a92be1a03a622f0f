import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import type { Target } from '../../lib/broadcast/target.js';
import { openClient, startAcceptanceProcess, whoIs } from '../support/acceptance-process.js';
import { useRedis } from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import type { CodecClient } from '../support/codec-client.js';
import type { MemberCount } from '../../lib/routing/members.js';
import { join, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis({ own: true });

const CLIENTS = 5;
const SECRET = 'text-of-the-handshake';

interface Far {
  readonly client: CodecClient;
  readonly pid: number;
  readonly serverId: string;
}

/** A server in its own process, with clients in the group. */
async function far(prefix: string): Promise<Far> {
  const server = await startAcceptanceProcess(farm, redis.url, prefix);
  const clients: CodecClient[] = [];
  for (let index = 0; index < CLIENTS; index++) clients.push(await openClient(farm, server, 'json'));
  for (const client of clients) await client.ask('join', 'room', 'join');
  const client = clients[0] as CodecClient;
  const { id, pid } = await whoIs(client);
  return { client, pid, serverId: id.split('.')[0] ?? '' };
}

const countOf = async ({ client }: Far, id: string): Promise<MemberCount> =>
  (await client.ask('count', 'room', id)).data as MemberCount;

/** A server of this process without clients, which asks, and its view of the path of the other servers. */
async function near(): Promise<{ server: ChatServer; room: Target; prefix: string }> {
  const options = farm.options(redis.url);
  const server = await farm.server(options);
  const room = server.broadcaster.gateway('/farm').group('room');
  return { server, room, prefix: options.channelPrefix ?? '' };
}

describe('A count over processes', () => {
  it('is the same on every server, and names a stopped one within 5 s', async () => {
    const { room, prefix } = await near();
    const all = await Promise.all([far(prefix), far(prefix), far(prefix)]);
    for (const one of all)
      expect(await countOf(one, 'all')).toEqual({ connections: 15, users: 0, missing: [] });
    expect((await room.members()).members).toHaveLength(15);

    const [stopped, asking] = all;
    process.kill(stopped.pid, 'SIGSTOP');
    try {
      const startedAt = performance.now();
      expect(await countOf(asking, 'stopped')).toEqual({
        connections: 10,
        users: 0,
        missing: [stopped.serverId],
      });
      expect(performance.now() - startedAt).toBeLessThan(5500);
    } finally {
      process.kill(stopped.pid, 'SIGCONT');
    }
    await expect.poll(() => room.count()).toEqual({ connections: 15, users: 0, missing: [] });
  }, 60_000);

  it('is right once a killed server counts as dead, and leaves nothing in Redis', async () => {
    const { server, room, prefix } = await near();
    const [killed] = await Promise.all([far(prefix), far(prefix)]);
    expect(await room.count()).toEqual({ connections: 10, users: 0, missing: [] });
    process.kill(killed.pid, 'SIGKILL');
    expect(await room.count()).toEqual({ connections: 5, users: 0, missing: [killed.serverId] });
    const startedAt = performance.now();
    expect(await room.count()).toEqual({ connections: 5, users: 0, missing: [] });
    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect((await room.members()).members).toHaveLength(5);
    expect(server.backplane.counters.malformedReplies).toBe(0);
    const client = farm.ending(new Inspector(redis.url));
    expect(await client.keys()).toBe(0);
  }, 60_000);
});

describe('What a list sends through Redis', () => {
  it('contains nothing of the handshake or of client.data', async () => {
    const options = {
      ...farm.options(redis.url),
      authenticate: () => ({ userId: 'ann-the-user', data: { token: SECRET } }),
    };
    const [one, two] = await Promise.all([farm.server(options), farm.server(options)]);
    await join(await farm.client(two, `/chat?token=${SECRET}`, { headers: { 'x-token': SECRET } }), 'room');
    const seen = farm.ending(new Inspector(redis.url));
    await seen.listen(`${options.channelPrefix}:*`);
    expect((await one.broadcaster.group('room').members()).members).toHaveLength(1);
    await seen.saw('ann-the-user');
    expect(seen.bytes).not.toContain(SECRET);
  });
});

/** Reads everything that is published. */
class Inspector {
  bytes = '';
  private readonly client: Redis;

  constructor(url: string) {
    this.client = new Redis(url, { protocol: 2 });
  }

  keys(): Promise<number> {
    return this.client.dbsize();
  }

  async listen(pattern: string): Promise<void> {
    this.client.on('pmessageBuffer', (_pattern: Buffer, _channel: Buffer, message: Buffer) => {
      this.bytes += message.toString('latin1');
    });
    await this.client.psubscribe(pattern);
  }

  async saw(text: string): Promise<void> {
    await expect.poll(() => this.bytes).toContain(text);
  }

  async close(): Promise<void> {
    await this.client.quit();
  }
}
