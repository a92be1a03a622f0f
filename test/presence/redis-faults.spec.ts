import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openClient, startAcceptanceProcess, whoIs } from '../support/acceptance-process.js';
import { connectMember, type Member, userOfQuery } from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { eventually, next } from '../support/observe.js';
import { GROUP, PresenceWatch } from '../support/presence-watch.js';
import { RedisInspector } from '../support/redis-inspector.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { useTestFarm } from '../support/test-farm.js';

/** A server counts as dead after four seconds without a heartbeat, which is checked four times a second. */
const DEAD_WITHIN_MS = 4500;
const FROZEN_MS = 6000;
const RESYNC_MS = 1500;
/** Scheduling on a machine with other work to do. */
const MARGIN_MS = 1000;

const farm = useTestFarm();
let redis: RedisServer;
let inspector: RedisInspector;

beforeEach(async () => {
  redis = await startRedis();
  inspector = new RedisInspector(redis.url);
  inspector.client.on('error', () => undefined);
});

afterEach(async () => {
  inspector.client.disconnect();
  await redis.stop();
});

function server(): Promise<ChatServer> {
  return farm.server({
    ...farm.options(redis.url),
    authenticate: userOfQuery,
    outage: 'local',
    presence: { grace: 0, limit: 10_000 },
  });
}

async function member(at: ChatServer, user?: string): Promise<Member> {
  const joined = await connectMember(farm, at, user);
  await joined.connection.join(GROUP);
  return joined;
}

describe('a member who goes is gone on the other server within a second', () => {
  it.each<[name: string, go: (member: Member, other: ChatServer) => unknown]>([
    ['by leaving', ({ connection }) => connection.leave(GROUP)],
    ['by closing', ({ client }) => client.socket.close()],
    ['by vanishing', ({ client }) => client.socket.terminate()],
    ['closed by its server', ({ connection }) => connection.close()],
    ['disconnected by the other server', ({ id }, other) => other.broadcaster.connection(id).disconnect()],
    ['made to leave by the other server', ({ id }, other) => other.broadcaster.connection(id).leave(GROUP)],
  ])('%s', async (_name, go) => {
    const [near, far] = await Promise.all([server(), server()]);
    const gone = await member(far);
    const watch = new PresenceWatch(farm, near);
    await eventually(() => expect([...watch.members]).toEqual([gone.id]));
    const startedAt = performance.now();
    await go(gone, near);
    await eventually(() => expect(watch.left.map(({ key }) => key)).toEqual([gone.id]));
    expect((watch.left[0]?.at ?? Infinity) - startedAt).toBeLessThan(1000);
    expect(watch.members.size).toBe(0);
  });
});

it('after SIGKILL of a server with 1,000 members, every survivor sees each of them leave once, and nobody else', async () => {
  const options = farm.options(redis.url);
  const survivors = await Promise.all([server(), server()]);
  const doomed = await startAcceptanceProcess(farm, redis.url, options.channelPrefix ?? '');
  const elsewhere = await startAcceptanceProcess(farm, redis.url, options.channelPrefix ?? '');
  const first = await openClient(farm, doomed, 'json', 'user 0');
  const { pid } = await whoIs(first);
  const clients = [first];
  while (clients.length < 1000) {
    const batch = Array.from({ length: 100 }, (_, index) => `user ${clients.length + index}`).slice(
      0,
      1000 - clients.length,
    );
    clients.push(...(await Promise.all(batch.map((user) => openClient(farm, doomed, 'json', user)))));
  }
  const alsoElsewhere = ['user 1', 'user 2', 'user 3'];
  for (const user of alsoElsewhere) clients.push(await openClient(farm, elsewhere, 'json', user));
  await Promise.all(clients.map((client) => client.ask('join', GROUP, 'join')));
  const watches = survivors.map((survivor) => new PresenceWatch(farm, survivor, '/farm'));
  for (const watch of watches) await eventually(() => expect(watch.members.size).toBe(1000));

  const killedAt = performance.now();
  process.kill(pid, 'SIGKILL');

  for (const watch of watches) {
    await eventually(() => expect([...watch.members].sort()).toEqual(alsoElsewhere));
    expect(watch.left).toHaveLength(997);
    expect(new Set(watch.left.map(({ key }) => key)).size).toBe(997);
    expect(Math.max(...watch.left.map(({ at }) => at)) - killedAt).toBeLessThan(DEAD_WITHIN_MS + MARGIN_MS);
  }
  expect(await inspector.client.dbsize()).toBe(0);
}, 60_000);

describe('nobody leaves, and views are complete soon after, when', () => {
  const whole = async (strike: (servers: readonly ChatServer[]) => Promise<unknown>): Promise<void> => {
    const servers = await Promise.all([server(), server(), server()]);
    const [first] = servers;
    const members = await Promise.all(
      [...servers, ...servers].map((one, index) => member(one, index % 2 ? `user ${index}` : undefined)),
    );
    const keys = members.map(({ id, connection }) => connection.userId ?? id).sort();
    const watches = servers.map((one) => new PresenceWatch(farm, one));
    for (const watch of watches) await eventually(() => expect([...watch.members].sort()).toEqual(keys));
    let readyAt = 0;
    for (const { backplane } of servers)
      backplane.connectionRestored$.subscribe(() => (readyAt = performance.now()));

    await strike(servers);

    await eventually(() => {
      for (const { backplane } of servers) expect(backplane.status.state).toBe('ready');
      for (const { settled } of watches) expect(settled).toBe(true);
    });
    const newcomer = await member(first);
    for (const watch of watches) {
      await eventually(() => expect([...watch.members].sort()).toEqual([...keys, newcomer.id].sort()));
      expect(watch.left).toEqual([]);
      expect(watch.joined).toEqual([newcomer.id]);
      if (readyAt > 0) expect(watch.settledAt - readyAt).toBeLessThan(RESYNC_MS + MARGIN_MS);
    }
  };
  const untilDown = (): Promise<void> => eventually(() => expect(inspector.client.status).not.toBe('ready'));

  it(
    'Redis is killed and started again',
    () =>
      whole(async () => {
        await redis.kill();
        await untilDown();
        await redis.start();
      }),
    60_000,
  );

  it(
    'Redis is frozen for longer than servers take to count as dead',
    () =>
      whole(async () => {
        redis.freeze();
        await setTimeout(FROZEN_MS);
        redis.resume();
      }),
    60_000,
  );

  it('Redis is flushed', () => whole(() => inspector.client.flushall()));

  it(
    'the subscribers are killed ten times',
    () =>
      whole(async (servers) => {
        for (let time = 0; time < 10; time++) {
          const lost = servers.map(({ backplane }) =>
            next(backplane.status$, ({ state }) => state !== 'ready'),
          );
          await inspector.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
          await Promise.all(lost);
          for (const { backplane } of servers)
            await next(backplane.status$, ({ state }) => state === 'ready');
        }
      }),
    60_000,
  );
});
