import { beforeEach, describe, expect, it } from 'vitest';
import type { OutageOption, RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { MessagesGivenUpError, NotPublishedError } from '../../lib/routing/routing.errors.js';
import type { ChatServer } from '../support/chat-app.js';
import { leastCommands } from '../support/least-privilege.js';
import { next } from '../support/observe.js';
import { asUser, RedisInspector } from '../support/redis-inspector.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { delivered, onlyConnection, useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

const farm = useTestFarm();
let redis: RedisServer;
let near: ChatServer;
let far: ChatServer;
let client: WsClient;
let farClient: WsClient;

beforeEach(async () => {
  redis = await startRedis();
  farm.onEnd(() => redis.stop());
});

async function startWith(
  outage: OutageOption,
  url = redis.url,
  limits: RedisBackplaneOptions['limits'] = {},
): Promise<void> {
  near = await farm.server({ ...farm.options(url), outage, limits });
  far = await farm.server({ ...farm.options(url), outage, limits });
  client = await farm.client(near);
  farClient = await farm.client(far);
}

async function lose(): Promise<void> {
  await redis.kill();
  for (const { backplane } of [near, far])
    await next(backplane.status$, ({ state }) => state === 'reconnecting');
}

async function restore(): Promise<void> {
  await redis.start();
  for (const { backplane } of [near, far]) await next(backplane.status$, ({ state }) => state === 'ready');
}

describe.each<[string, OutageOption]>([
  ['local', 'local'],
  ['buffer', { buffer: {} }],
])('while Redis is down, with the policy %s', (_name, outage) => {
  beforeEach(() => startWith(outage));

  it('a join resolves, and its group is subscribed once the status is ready', async () => {
    await lose();
    await onlyConnection(near).join('group');
    expect(await near.broadcaster.group('group').local.emit('own', 1)).toMatchObject({ local: 1 });
    await restore();
    await far.broadcaster.group('group').emit('news', 1);
    expect((await client.next('news')).data).toBe(1);
  });

  it('a new client is admitted and served', async () => {
    await lose();
    const late = await farm.client(near);
    late.send('say', 'hi');
    expect((await late.next('said')).data).toBe('hi');
  });

  it('a volatile emit is skipped', async () => {
    await lose();
    expect(await near.broadcaster.volatile.emit('hi')).toEqual({ local: 1, backplane: 'skipped' });
  });

  it('a request to another server is refused', async () => {
    await lose();
    const { id } = onlyConnection(far);
    await expect(near.broadcaster.connection(id).join('group')).rejects.toThrow(NotPublishedError);
    await expect(near.broadcaster.connection(id).invoke('ask')).rejects.toThrow(NotPublishedError);
  });
});

describe('the policy local', () => {
  it('delivers to local clients, reports the others as skipped, and sends nothing later', async () => {
    await startWith('local');
    await lose();
    expect(await near.broadcaster.emit('lost', 1)).toEqual({ local: 1, backplane: 'skipped' });
    expect((await client.next('lost')).data).toBe(1);
    await restore();
    await near.broadcaster.emit('found', 2);
    await farClient.next('found');
    expect(farClient.dataOf('lost')).toEqual([]);
  });
});

describe('the policy buffer', () => {
  it('delivers to local clients at once, and to the others in order when Redis is back', async () => {
    await startWith({ buffer: {} });
    await lose();
    for (let number = 1; number <= 50; number++) {
      expect(await near.broadcaster.emit('kept', number)).toEqual({ local: 1, backplane: 'buffered' });
    }
    await restore();
    // A new message must not overtake the buffered ones.
    await near.broadcaster.emit('kept', 51);
    await farClient.count('kept', 51);
    expect(farClient.dataOf('kept')).toEqual(Array.from({ length: 51 }, (_, index) => index + 1));
    await client.count('kept', 51);
    expect(client.dataOf('kept')).toHaveLength(51);
  });

  it('drops the oldest messages if it is full, and reports them as given up', async () => {
    await startWith({ buffer: { messages: 2 } });
    await lose();
    const report = givenUp();
    for (const number of [1, 2, 3])
      expect(await near.broadcaster.group(`g${number}`).emit('kept', number)).toMatchObject({
        backplane: 'buffered',
      });
    expect(await report).toMatchObject({
      count: 1,
      reason: 'full',
      targets: [{ path: '/chat', kind: 'group', name: 'g1' }],
    });
    for (const number of [1, 2, 3]) await onlyConnection(far).join(`g${number}`);
    await restore();
    await farClient.count('kept', 2);
    await delivered(near, farClient);
    expect(farClient.dataOf('kept')).toEqual([2, 3]);
  });

  it('drops the oldest messages above its limit of bytes', async () => {
    await startWith({ buffer: { bytes: 250_000 } });
    await lose();
    const report = givenUp();
    for (const letter of ['a', 'b', 'c']) await near.broadcaster.emit('kept', letter.repeat(100_000));
    expect(await report).toMatchObject({ count: 1, reason: 'full' });
    await restore();
    await farClient.count('kept', 2);
    expect(farClient.dataOf('kept').map((text) => (text as string).charAt(0))).toEqual(['b', 'c']);
  });

  it('drops messages that are too old while Redis is still down, and reports their targets', async () => {
    await startWith({ buffer: { age: 1 } });
    await lose();
    const report = givenUp();
    await near.broadcaster.user('ann').emit('old', 1);
    expect(await report).toMatchObject({
      count: 1,
      reason: 'age',
      targets: [{ path: '/chat', kind: 'user', name: 'ann' }],
    });
    expect(near.backplane.status.state).toBe('reconnecting');
    await restore();
    await near.broadcaster.emit('new', 2);
    await farClient.next('new');
    expect(farClient.dataOf('old')).toEqual([]);
  });

  it('reports the buffered messages when the app closes, and buffers nothing afterwards', async () => {
    await startWith({ buffer: {} });
    await lose();
    const report = givenUp();
    await near.broadcaster.emit('kept', 1);
    await near.app.close();
    expect(await report).toMatchObject({ count: 1, reason: 'closed' });
    expect(await near.broadcaster.emit('late', 2)).toEqual({ local: 0, backplane: 'skipped' });
  });

  it('holds messages above the limit of bytes in flight, and loses none of them', async () => {
    // A busy machine may take seconds for 40 MB, and the client reads them even later than the server.
    const url = `${redis.url}?publishTimeoutMs=25000`;
    await startWith({ buffer: {} }, url, { bufferedBytes: 64 * 1024 * 1024 });
    const inspector = farm.ending(new RedisInspector(redis.url));
    // Redis must not disconnect a subscriber that is slow to read 40 MB.
    await inspector.client.config('SET', 'client-output-buffer-limit', 'pubsub 0 0 0');
    const text = 'x'.repeat(1_000_000);
    // Only the other server subscribes to the group, so the heartbeats of this one do not queue behind the data.
    await onlyConnection(far).join('far');
    const emits = Array.from({ length: 40 }, (_, number) =>
      near.broadcaster.group('far').emit('kept', `${number} ${text}`),
    );
    const outcomes = (await Promise.all(emits)).map(({ backplane }) => backplane);
    expect(new Set(outcomes)).toEqual(new Set(['accepted', 'buffered']));
    expect(near.backplane.status.state).toBe('ready');
    await farClient.count('kept', 40);
    expect(farClient.dataOf('kept').map((data) => Number.parseInt(data as string, 10))).toEqual(
      Array.from({ length: 40 }, (_, number) => number),
    );
  }, 30_000);
});

describe('the policy buffer, with a channel that Redis refuses', () => {
  let inspector: RedisInspector;

  /** The servers may not use the channels of groups whose names begin with `secret`. */
  async function startDenied(): Promise<void> {
    inspector = farm.ending(new RedisInspector(redis.url));
    const options = farm.options(redis.url);
    const { channelPrefix = '' } = options;
    const channels = ['server*', '/chat:all', '/chat:group:open*'];
    await inspector.setUser(
      'app',
      ...channels.map((name) => `&${channelPrefix}:${name}`),
      ...leastCommands(),
    );
    const connection = asUser(redis.url, 'app');
    const outage = { buffer: {} };
    near = await farm.server({ ...options, connection, outage });
    far = await farm.server({ ...options, connection, outage });
    farClient = await farm.client(far);
  }

  beforeEach(startDenied);

  it('rejects an emit on it at once, and publishes the others in order', async () => {
    const refused = near.broadcaster.group('secret').emit('news', 1);
    const accepted = near.broadcaster.emit('news', 2);
    await expect(refused).rejects.toThrow(NotPublishedError);
    expect(await accepted).toMatchObject({ backplane: 'accepted' });
    await delivered(near, farClient);
    expect(farClient.dataOf('news')).toEqual([2]);
  });

  it('publishes on other channels even while the status is degraded', async () => {
    client = await farm.client(near);
    await onlyConnection(near).join('secret');
    await next(near.backplane.status$, ({ state }) => state === 'degraded');
    expect(await near.broadcaster.emit('news', 1)).toMatchObject({ backplane: 'accepted' });
    expect((await farClient.next('news')).data).toBe(1);
  });

  it('publishes a buffered message on it only once, and reports it with its target', async () => {
    redis.freeze();
    for (const { backplane } of [near, far])
      await next(backplane.status$, ({ state }) => state === 'reconnecting');
    const report = givenUp();
    expect(await near.broadcaster.group('secret').emit('news', 1)).toMatchObject({ backplane: 'buffered' });
    await near.broadcaster.emit('news', 2);
    redis.resume();
    expect(await report).toMatchObject({
      count: 1,
      reason: 'denied',
      targets: [{ path: '/chat', kind: 'group', name: 'secret' }],
    });
    await farClient.next('news');
    await delivered(near, farClient);
    expect(await inspector.rejectedCalls('publish')).toBe(1);
    expect(farClient.dataOf('news')).toEqual([2]);
  });
});

/** The cause of the next error that reports given-up messages. */
async function givenUp(): Promise<MessagesGivenUpError> {
  const { cause } = await next(near.backplane.errors$, ({ cause }) => cause instanceof MessagesGivenUpError);
  return cause as MessagesGivenUpError;
}
