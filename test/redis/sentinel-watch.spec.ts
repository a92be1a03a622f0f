import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Failover, SentinelWatch } from '../../lib/redis/sentinel-watch.js';
import { RedisInspector } from '../support/redis-inspector.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { eventually } from '../support/observe.js';

// A plain Redis stands in for the sentinel: the watch only subscribes, and the test publishes what a sentinel would.

const CHANNEL = '+switch-master';

let sentinel: RedisServer;
let client: Redis;
let watch: SentinelWatch;
const failovers: Failover[] = [];
const refusals: string[] = [];

beforeEach(async () => {
  sentinel = await startRedis();
  ({ client } = new RedisInspector(sentinel.url));
  const { host, port } = sentinel;
  watch = new SentinelWatch(
    { sentinels: [{ host, port }], name: 'mine' },
    { failover: (failover) => failovers.push(failover), refused: (cause) => refusals.push(cause.message) },
  );
  await untilSubscribed();
});

afterEach(async () => {
  watch.close();
  client.disconnect();
  await sentinel.stop();
  failovers.length = 0;
  refusals.length = 0;
});

async function untilSubscribed(): Promise<void> {
  await eventually(async () => expect(await client.pubsub('NUMSUB', CHANNEL)).toEqual([CHANNEL, 1]));
}

async function connectionsAccepted(): Promise<number> {
  return Number(/total_connections_received:(\d+)/.exec(await client.info('stats'))?.[1]);
}

describe('a watch on sentinels', () => {
  it('reports failovers of its own master only', async () => {
    await client.publish(CHANNEL, 'other 10.0.0.1 6379 10.0.0.2 6379');
    await client.publish(CHANNEL, 'mine 10.0.0.1 6379 10.0.0.2 6380');
    await eventually(() => expect(failovers).toEqual([{ from: '10.0.0.1:6379', to: '10.0.0.2:6380' }]));
  });

  it('remembers the demoted node for five seconds, or until it is promoted again', async () => {
    await client.publish(CHANNEL, 'mine 10.0.0.1 6379 10.0.0.2 6379');
    await eventually(() => expect(failovers).toHaveLength(1));
    expect(watch.isDemoted('10.0.0.1:6379')).toBe(true);
    expect(watch.isDemoted('10.0.0.2:6379')).toBe(false);
    await client.publish(CHANNEL, 'mine 10.0.0.2 6379 10.0.0.1 6379');
    await eventually(() => expect(failovers).toHaveLength(2));
    expect(watch.isDemoted('10.0.0.1:6379')).toBe(false);
    const now = performance.now();
    vi.spyOn(performance, 'now').mockReturnValue(now + 5001);
    expect(watch.isDemoted('10.0.0.2:6379')).toBe(false);
    vi.restoreAllMocks();
  });

  it('subscribes again after the connection to its sentinel was lost', async () => {
    await client.client('KILL', 'TYPE', 'PUBSUB');
    await untilSubscribed();
    await client.publish(CHANNEL, 'mine 10.0.0.1 6379 10.0.0.2 6379');
    await eventually(() => expect(failovers).toHaveLength(1));
  });

  it('reports a sentinel that asks for a password once per outage, and subscribes once it no longer asks', async () => {
    for (let run = 1; run <= 2; run++) {
      await client.config('SET', 'requirepass', 'secret');
      const before = await connectionsAccepted();
      await client.client('KILL', 'TYPE', 'PUBSUB');
      await eventually(async () => expect(await connectionsAccepted()).toBeGreaterThan(before + 1));
      await client.config('SET', 'requirepass', '');
      await untilSubscribed();
      const advice = expect.stringMatching(/^sentinel 127\.0\.0\.1:\d+: Redis asks for a password/) as string;
      expect(refusals).toEqual(Array<string>(run).fill(advice));
    }
  });

  it('retries a refused subscription until it is granted', async () => {
    const before = await connectionsAccepted();
    // Redis disconnects subscribers that lose the permission for their channel.
    await client.acl('SETUSER', 'default', 'resetchannels');
    await eventually(async () => expect(await connectionsAccepted()).toBeGreaterThan(before + 1));
    await client.acl('SETUSER', 'default', 'allchannels');
    await untilSubscribed();
  });

  it('unsubscribes on close', async () => {
    watch.close();
    await eventually(async () => expect(await client.pubsub('NUMSUB', CHANNEL)).toEqual([CHANNEL, 0]));
  });
});
