import { beforeEach, describe, expect, it } from 'vitest';
import type { OutageOption } from '../../lib/options/redis-backplane-options.js';
import { PublishRefusedError } from '../../lib/bus/transport.js';
import { NotPublishedError } from '../../lib/routing/routing.errors.js';
import type { ChatServer } from '../support/chat-app.js';
import { next } from '../support/observe.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { onlyConnection, useTestFarm } from '../support/test-farm.js';
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

async function startWith(outage: OutageOption): Promise<void> {
  near = await farm.server({ ...farm.options(redis.url), outage });
  far = await farm.server({ ...farm.options(redis.url), outage });
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

  it('a join resolves, and its group is heard when the status says ready', async () => {
    await lose();
    await onlyConnection(near).join('group');
    expect(await near.broadcaster.group('group').local.emit('own', 1)).toMatchObject({ local: 1 });
    await restore();
    await far.broadcaster.group('group').emit('told', 1);
    expect((await client.next('told')).data).toBe(1);
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

  it('what needs an answer of another server is refused', async () => {
    await lose();
    const { id } = onlyConnection(far);
    await expect(near.broadcaster.connection(id).join('group')).rejects.toThrow(NotPublishedError);
    await expect(near.broadcaster.connection(id).invoke('ask')).rejects.toThrow(NotPublishedError);
  });
});

describe('the policy local', () => {
  it('serves the own clients, says that the others were skipped, and sends nothing later', async () => {
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
  it('serves the own clients at once, and the others in order when Redis is back', async () => {
    await startWith({ buffer: {} });
    await lose();
    for (let number = 1; number <= 50; number++) {
      expect(await near.broadcaster.emit('kept', number)).toEqual({ local: 1, backplane: 'buffered' });
    }
    await restore();
    // Nothing overtakes what still waits.
    await near.broadcaster.emit('kept', 51);
    await farClient.count('kept', 51);
    expect(farClient.dataOf('kept')).toEqual(Array.from({ length: 51 }, (_, index) => index + 1));
    await client.count('kept', 51);
    expect(client.dataOf('kept')).toHaveLength(51);
  });

  it('keeps so many messages, and skips the others', async () => {
    await startWith({ buffer: { messages: 2 } });
    await lose();
    const outcomes = [];
    for (const number of [1, 2, 3]) outcomes.push((await near.broadcaster.emit('kept', number)).backplane);
    expect(outcomes).toEqual(['buffered', 'buffered', 'skipped']);
    await restore();
    await farClient.count('kept', 2);
    await near.broadcaster.emit('end');
    await farClient.next('end');
    expect(farClient.dataOf('kept')).toEqual([1, 2]);
  });

  it('gives up what is too old, and says so', async () => {
    await startWith({ buffer: { age: 1 } });
    await lose();
    await near.broadcaster.emit('old', 1);
    const told = next(near.backplane.errors$, ({ message }) => message.includes('waited for Redis'));
    await restore();
    expect((await told).message).toContain('1 message');
    expect((await told).cause).not.toBeInstanceOf(PublishRefusedError);
    await near.broadcaster.emit('new', 2);
    await farClient.next('new');
    expect(farClient.dataOf('old')).toEqual([]);
  });
});
