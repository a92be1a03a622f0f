import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { surplusOf } from '../../lib/adapter/session-rules.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { userOfQuery } from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { eventually } from '../support/observe.js';
import { openClient } from '../support/open-client.js';
import { refusal } from '../support/raw-client.js';
import { idOf, useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

const ANN = '/chat?user=ann';
const farm = useTestFarm();

function servers(options: RedisBackplaneOptions): Promise<ChatServer[]> {
  const all = { ...farm.options(), authenticate: userOfQuery, ...options };
  return Promise.all([farm.server(all), farm.server(all), farm.server(all)]);
}

/** Whether the client is still connected once everything that its server sent before has arrived. */
const openOf = (clients: readonly WsClient[]): WsClient[] =>
  clients.filter(({ socket }) => socket.readyState === socket.OPEN);

async function countOf([one]: readonly ChatServer[]): Promise<number> {
  return (await one?.broadcaster.user('ann').count())?.connections ?? 0;
}

describe('limits.connectionsPerUser', () => {
  it('refuses one more with 429, on any server, and lets it in once there is room', async () => {
    const all = await servers({ limits: { connectionsPerUser: 2 } });
    const [one, two, three] = all as [ChatServer, ChatServer, ChatServer];
    const first = await farm.client(one, ANN);
    const second = await farm.client(two, ANN);
    await Promise.all([first, second].map(idOf));
    expect(await refusal(three, ANN)).toBe(429);
    expect(three.backplane.counters.refused).toBe(1);
    await idOf(await farm.client(three, '/chat?user=bob'));
    await idOf(await farm.client(three, '/chat'));
    first.socket.close();
    await eventually(async () => expect(await countOf(all)).toBe(1));
    await idOf(await farm.client(three, ANN));
  });

  it('leaves as many as allowed when more connect at the same moment on all servers', async () => {
    const all = await servers({ limits: { connectionsPerUser: 3 } });
    const attempts = Array.from({ length: 12 }, (_, index) => farm.client(all[index % 3] as ChatServer, ANN));
    const clients = (await Promise.allSettled(attempts)).flatMap((result) =>
      result.status === 'fulfilled' ? [result.value] : [],
    );
    await eventually(() => expect(openOf(clients)).toHaveLength(3));
    expect(await countOf(all)).toBe(3);
  });
});

describe("singleSession: 'newest'", () => {
  it('closes the older connection with 1008, on any server', async () => {
    const all = await servers({ singleSession: 'newest' });
    const [one, two] = all as [ChatServer, ChatServer];
    const older = await farm.client(one, ANN);
    await idOf(older);
    // Connections of the last two seconds count as simultaneous.
    await setTimeout(2100);
    const closed = new Promise((resolve) =>
      older.socket.once('close', (code, reason) => resolve([code, String(reason)])),
    );
    const newer = await farm.client(two, ANN);
    expect(await closed).toEqual([1008, 'Replaced by a newer connection']);
    await idOf(newer);
    expect(await countOf(all)).toBe(1);
  });

  it('leaves one when several connect at the same moment on all servers', async () => {
    const all = await servers({ singleSession: 'newest' });
    const clients = await Promise.all(
      Array.from({ length: 9 }, (_, index) => farm.client(all[index % 3] as ChatServer, ANN)),
    );
    await eventually(() => expect(openOf(clients)).toHaveLength(1));
    await idOf(openOf(clients)[0] as WsClient);
    expect(await countOf(all)).toBe(1);
  });

  it('does not make two tabs with the client library throw each other out in turns', async () => {
    const all = await servers({ singleSession: 'newest' });
    const tabs = all.slice(0, 2).map(({ port }) => openClient(farm, `ws://127.0.0.1:${port}${ANN}`));
    await eventually(async () => {
      expect(tabs.map(({ status }) => status.state).sort()).toEqual(['closed', 'connected']);
      expect(await countOf(all)).toBe(1);
    });
    // A client that is closed does not connect again.
    expect(
      tabs.flatMap(({ states }) => states.filter((state) => state === 'connected')).length,
    ).toBeLessThanOrEqual(2);
  });
});

describe("singleSession: 'oldest'", () => {
  it('refuses the second connection, and lets the user in again after the first one has begun to close', async () => {
    const all = await servers({ singleSession: 'oldest' });
    const [one, two] = all as [ChatServer, ChatServer];
    const first = await farm.client(one, ANN);
    await idOf(first);
    expect(await refusal(two, ANN)).toBe(429);
    for (const connection of one.broadcaster.localConnections) connection.close();
    await idOf(await farm.client(two, ANN));
  });

  it('leaves one when several connect at the same moment', async () => {
    const all = await servers({ singleSession: 'oldest' });
    const attempts = Array.from({ length: 9 }, (_, index) => farm.client(all[index % 3] as ChatServer, ANN));
    const clients = (await Promise.allSettled(attempts)).flatMap((result) =>
      result.status === 'fulfilled' ? [result.value] : [],
    );
    await eventually(() => expect(openOf(clients)).toHaveLength(1));
    expect(await countOf(all)).toBe(1);
  });
});

it('without Redis, a server limits its own connections', async () => {
  const options = { connection: 'redis://127.0.0.1:1', startupTimeout: 1, outage: 'local' as const };
  const alone = await farm.server({
    ...options,
    authenticate: userOfQuery,
    limits: { connectionsPerUser: 1 },
  });
  await idOf(await farm.client(alone, ANN));
  expect(await refusal(alone, ANN)).toBe(429);
});

describe('the surplus of a list', () => {
  const entries = [
    { id: 'c', ageMs: 10 },
    { id: 'a', ageMs: 9000 },
    { id: 'b', ageMs: 1500 },
    { id: 'd', ageMs: 5000 },
  ];

  it('is the same in whatever order the servers replied', () => {
    for (const list of [entries, entries.toReversed()]) {
      expect(surplusOf(list, { keep: 'newest' })).toEqual(['a', 'd', 'b']);
      expect(surplusOf(list, { keep: 'oldest', count: 2 })).toEqual(['b', 'c']);
      expect(surplusOf(list, { keep: 'oldest', count: 4 })).toEqual([]);
    }
  });
});
