import { describe, expect, it } from 'vitest';
import { Router } from '../../lib/routing/router.js';
import { newConnectionId } from '../../lib/protocol/connection-id.js';
import { plainDialect } from '../../lib/protocol/dialect.js';
import { jsonProtocol } from '../../lib/protocol/json-protocol.js';
import { LocalConnection } from '../../lib/routing/local-connection.js';
import type { ChatServer } from '../support/chat-app.js';
import { heapUsed } from '../support/heap.js';
import { Follower, PresenceFarm } from '../support/presence-farm.js';
import { RedisInspector } from '../support/redis-inspector.js';
import { startRedis } from '../support/redis-server.js';
import { useTestFarm } from '../support/test-farm.js';

const GROUP = 'room';
const MEMBERS = 10_000;
/** The promise is 25 ms on a machine with nothing else to do. Other work on this one may take the processor away. */
const STALL_MS = 25;
const ATTEMPTS = 5;
const ROW_BYTES = 250;

const farm = useTestFarm();

/** Adds connections without sockets, because a test cannot open so many. */
async function fill({ app, backplane }: ChatServer, count: number): Promise<void> {
  const { roster } = app.get(Router);
  const sink = { write: () => undefined, isFull: false, flush: () => undefined, close: () => undefined };
  const joins: Promise<void>[] = [];
  for (let index = 0; index < count; index++) {
    const connection = new LocalConnection(
      newConnectionId(backplane.serverId),
      '/chat',
      undefined,
      plainDialect(jsonProtocol),
      sink,
    );
    void roster.add(connection);
    joins.push(roster.join(connection, GROUP));
  }
  await Promise.all(joins);
}

/** Runs the event loop until the follower has the snapshot. Returns its longest turn, in milliseconds. */
async function longestTurn(presence: PresenceFarm, follower: Follower): Promise<number> {
  let longest = 0;
  while (follower.members.size < MEMBERS) {
    const startedAt = performance.now();
    await presence.turns(1);
    longest = Math.max(longest, performance.now() - startedAt);
  }
  return longest;
}

it(`a snapshot of ${MEMBERS} members blocks no event loop for more than ${STALL_MS} ms, and a row takes ${ROW_BYTES} bytes at most`, async () => {
  const stalls: Record<'remote' | 'own', number[]> = { remote: [], own: [] };
  const rows: number[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const presence = new PresenceFarm({ limit: MEMBERS, hasData: false });
    const [near, far] = [await presence.server(), await presence.server()];
    for (let index = 0; index < MEMBERS; index++) near.join(GROUP, `user ${index}`);
    await presence.pass(200);
    const before = await heapUsed();
    const follower = new Follower(far, GROUP);
    stalls.remote.push(await longestTurn(presence, follower));
    follower.changes.length = 0;
    follower.members.clear();
    rows.push(((await heapUsed()) - before) / MEMBERS);
    const own = new Follower(near, GROUP);
    stalls.own.push(await longestTurn(presence, own));
    own.close();
    follower.close();
  }
  for (const [whose, durations] of Object.entries(stalls))
    console.log(`longest turns of ${whose} snapshots: ${durations.map((ms) => ms.toFixed(1)).join(', ')} ms`);
  console.log(`bytes of heap for each row: ${rows.map(Math.round).join(', ')}`);
  expect(Math.min(...stalls.remote)).toBeLessThan(STALL_MS);
  expect(Math.min(...stalls.own)).toBeLessThan(STALL_MS);
  expect(Math.min(...rows)).toBeLessThan(ROW_BYTES);
}, 60_000);

describe.each([10_000, 100_000])('with %i members in a group that nobody watches', (members) => {
  it('Redis holds no key and gets heartbeats only', async () => {
    const redis = await startRedis();
    farm.onEnd(() => redis.stop());
    const options = farm.options(redis.url);
    const servers = await Promise.all([farm.server(options), farm.server(options)]);
    for (const server of servers) await fill(server, members / 2);
    const inspector = new RedisInspector(redis.url);
    inspector.client.on('error', () => undefined);
    farm.onEnd(() => inspector.client.disconnect());
    const published = await inspector.calls('publish');
    const beats = servers.map(({ backplane }) => backplane.counters.published);
    // Waits in Redis for three seconds.
    await inspector.client.call('BLPOP', 'no such list', '3');
    const sent = servers.reduce(
      (sum, { backplane }, index) => sum + backplane.counters.published - (beats[index] ?? 0),
      0,
    );
    const calls = (await inspector.calls('publish')) - published;
    expect(calls).toBeGreaterThan(0);
    expect(calls).toBeLessThanOrEqual(sent + 2);
    // One heartbeat a second for each server, and the messages that check its subscriptions.
    expect(sent).toBeLessThanOrEqual(2 * (4 + 4));
    expect(await inspector.client.dbsize()).toBe(0);
  }, 60_000);
});
