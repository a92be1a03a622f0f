import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Failover, SentinelWatch } from '../../lib/redis/sentinel-watch.js';
import { RedisInspector } from '../support/redis-inspector.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { eventually } from '../support/observe.js';

// To one who listens a sentinel is a Redis with pub/sub, and here one that says what the test wants.

const CHANNEL = '+switch-master';

let sentinel: RedisServer;
let client: Redis;
let watch: SentinelWatch;
const told: Failover[] = [];
const refusals: string[] = [];

beforeEach(async () => {
  sentinel = await startRedis();
  ({ client } = new RedisInspector(sentinel.url));
  const { host, port } = sentinel;
  watch = new SentinelWatch(
    { sentinels: [{ host, port }], name: 'mine' },
    { failover: (failover) => told.push(failover), refused: (cause) => refusals.push(cause.message) },
  );
  await listening();
});

afterEach(async () => {
  watch.close();
  client.disconnect();
  await sentinel.stop();
  told.length = 0;
  refusals.length = 0;
});

async function listening(): Promise<void> {
  await eventually(async () => expect(await client.pubsub('NUMSUB', CHANNEL)).toEqual([CHANNEL, 1]));
}

async function connectionsTaken(): Promise<number> {
  return Number(/total_connections_received:(\d+)/.exec(await client.info('stats'))?.[1]);
}

describe('a watch on sentinels', () => {
  it('tells of failovers of its master, and not of those of another', async () => {
    await client.publish(CHANNEL, 'other 10.0.0.1 6379 10.0.0.2 6379');
    await client.publish(CHANNEL, 'mine 10.0.0.1 6379 10.0.0.2 6380');
    await eventually(() => expect(told).toEqual([{ from: '10.0.0.1:6379', to: '10.0.0.2:6380' }]));
  });

  it('knows for a while which server is demoted, and that it is not any more once it is named again', async () => {
    await client.publish(CHANNEL, 'mine 10.0.0.1 6379 10.0.0.2 6379');
    await eventually(() => expect(told).toHaveLength(1));
    expect(watch.isDemoted('10.0.0.1:6379')).toBe(true);
    expect(watch.isDemoted('10.0.0.2:6379')).toBe(false);
    await client.publish(CHANNEL, 'mine 10.0.0.2 6379 10.0.0.1 6379');
    await eventually(() => expect(told).toHaveLength(2));
    expect(watch.isDemoted('10.0.0.1:6379')).toBe(false);
    const now = performance.now();
    vi.spyOn(performance, 'now').mockReturnValue(now + 5001);
    expect(watch.isDemoted('10.0.0.2:6379')).toBe(false);
    vi.restoreAllMocks();
  });

  it('listens again after its sentinel was away', async () => {
    await client.client('KILL', 'TYPE', 'PUBSUB');
    await listening();
    await client.publish(CHANNEL, 'mine 10.0.0.1 6379 10.0.0.2 6379');
    await eventually(() => expect(told).toHaveLength(1));
  });

  it('tells of a sentinel that asks for a password once, however often it tries, and is heard when it does not any more', async () => {
    for (let run = 1; run <= 2; run++) {
      await client.config('SET', 'requirepass', 'secret');
      const before = await connectionsTaken();
      await client.client('KILL', 'TYPE', 'PUBSUB');
      await eventually(async () => expect(await connectionsTaken()).toBeGreaterThan(before + 1));
      await client.config('SET', 'requirepass', '');
      await listening();
      const advice = expect.stringMatching(/^sentinel 127\.0\.0\.1:\d+: Redis asks for a password/) as string;
      expect(refusals).toEqual(Array<string>(run).fill(advice));
    }
  });

  it('tries again where its subscription is refused, until it is granted', async () => {
    const before = await connectionsTaken();
    // Redis drops whoever listens without the right to it.
    await client.acl('SETUSER', 'default', 'resetchannels');
    await eventually(async () => expect(await connectionsTaken()).toBeGreaterThan(before + 1));
    await client.acl('SETUSER', 'default', 'allchannels');
    await listening();
  });

  it('is gone with close', async () => {
    watch.close();
    await eventually(async () => expect(await client.pubsub('NUMSUB', CHANNEL)).toEqual([CHANNEL, 0]));
  });
});
