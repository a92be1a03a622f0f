import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BusServer } from '../../support/bus-farm.js';
import { BusFarm } from '../../support/bus-farm.js';
import { leastCommands } from '../../support/least-privilege.js';
import { collect, eventually } from '../../support/observe.js';
import { asUser, RedisInspector } from '../../support/redis-inspector.js';
import { type RedisServer, startRedis } from '../../support/redis-server.js';

const REFUSED = 5000;

let redis: RedisServer;
let inspector: RedisInspector;
let farm: BusFarm;
let server: BusServer;
let channels: string[];

beforeEach(async () => {
  redis = await startRedis();
  inspector = new RedisInspector(redis.url);
  farm = new BusFarm({ connection: asUser(redis.url, 'app') });
  await inspector.setUser('app', `&${farm.prefix}:server*`, ...leastCommands());
  server = await farm.ready();
  channels = Array.from({ length: REFUSED }, (_, index) => `${farm.prefix}:/chat:group:${index}`);
});

afterEach(async () => {
  await farm.close();
  await inspector.close();
  await redis.stop();
});

async function wantAll(): Promise<void> {
  const outcomes = await Promise.allSettled(channels.map((channel) => server.bus.want(channel)));
  expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
}

describe(`${REFUSED} refused channels`, () => {
  it('are reported in one error and cost Redis only a limited number of commands per second', async () => {
    const errors = collect(server.bus.errors$);
    await wantAll();
    await eventually(() => expect(errors.values.length).toBeGreaterThan(0));
    expect(errors.values.map(({ stage }) => stage)).toEqual(['subscribe']);
    expect(errors.values[0]?.message).toContain(`${farm.prefix}:/chat:group:`);
    expect(errors.values[0]?.message).toContain(` and ${REFUSED - 1} more`);
    expect(server.bus.status).toMatchObject({
      state: 'degraded',
      reason: expect.stringContaining(`and ${REFUSED - 1} more`) as string,
    });

    const before = await inspector.rejectedCalls('subscribe');
    const began = performance.now();
    await eventually(async () =>
      expect(await inspector.rejectedCalls('subscribe')).toBeGreaterThan(before + 130),
    );
    const perSecond = 130 / ((performance.now() - began) / 1000);
    expect(perSecond).toBeLessThan(500);
    expect(errors.values).toHaveLength(1);
  });

  it('take no more CPU time per channel than a tenth as many', async () => {
    const cpuOf = async (from: number, to: number): Promise<number> => {
      const before = process.cpuUsage();
      await Promise.allSettled(channels.slice(from, to).map((channel) => server.bus.want(channel)));
      return process.cpuUsage(before).user / (to - from);
    };
    const tenth = REFUSED / 10;
    await cpuOf(0, tenth);
    const few = await cpuOf(tenth, 2 * tenth);
    const many = await cpuOf(2 * tenth, REFUSED);
    // If each refusal looked at all others, eight times as many would take eight times as long per channel.
    expect(many / few).toBeLessThan(3);
  });

  it('are subscribed within seconds once granted, and reported in a few losses that begin when they were first wanted', async () => {
    const losses = collect(server.bus.loss$);
    const wantedAt = performance.now();
    await wantAll();
    const refusedAt = performance.now();
    await inspector.client.acl('SETUSER', 'app', `&${farm.prefix}:*`);
    await eventually(() => expect(server.bus.status.state).toBe('ready'));
    await eventually(() => expect(losses.values.flatMap((loss) => loss.channels)).toHaveLength(REFUSED));
    expect(losses.values.length).toBeLessThan(10);
    for (const { from, to } of losses.values) {
      expect(from).toBeLessThanOrEqual(refusedAt);
      expect(from).toBeGreaterThan(wantedAt - 2000);
      expect(to).toBeGreaterThanOrEqual(refusedAt);
    }
  });

  it('include one that is granted: it is subscribed while the others stay refused', async () => {
    channels = channels.slice(0, 300);
    await wantAll();
    const [last = ''] = channels.slice(-1);
    await inspector.client.acl('SETUSER', 'app', `&${last}`);
    const losses = collect(server.bus.loss$);
    await eventually(() => expect(losses.values.map((loss) => loss.channels)).toEqual([[last]]));
    expect(server.bus.status).toMatchObject({
      state: 'degraded',
      reason: expect.stringContaining(`and ${channels.length - 2} more`) as string,
    });
  });
});
