import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { RedisBackplaneModule } from '../../../lib/redis-backplane.module.js';
import { Broadcaster } from '../../../lib/broadcast/broadcaster.js';
import type { LossReport } from '../../servers/balanced-server.js';
import { BALANCERS, BRING_DEADLINE_MS, bringBalancers, startBalancer } from '../../support/balancer.js';
import { eventually } from '../../support/observe.js';
import { type AcquiredRedis, acquireRedis } from '../../support/redis-server.js';
import { useTestFarm } from '../../support/test-farm.js';
import { type BalancedServer, startBalancedServers } from './balanced-farm.js';
import { type Life, RoamingClient } from './roaming-client.js';

const CLIENTS = 60;
const PAUSE_MS = 5;
const GROUP = 'tea';
const PROBE = { timeout: 20_000, interval: 20 };
/** The noted time of an emit may be off by this much. */
const CLOCK_SLACK_MS = 50;

const farm = useTestFarm();
let redis: AcquiredRedis;
beforeAll(async () => {
  await bringBalancers();
  redis = await acquireRedis();
}, BRING_DEADLINE_MS);
afterAll(() => redis.stop());

/** Emits numbers to the group until it is stopped. */
class Numbers {
  /** The time of each emit. */
  readonly sentAt: number[] = [];
  accepted = 0;
  private readonly done: Promise<void>;
  private stopped = false;

  constructor(private readonly broadcaster: Broadcaster) {
    this.done = this.emit();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.done;
  }

  private async emit(): Promise<void> {
    while (!this.stopped) {
      const number = this.sentAt.push(Date.now()) - 1;
      const { backplane } = await this.broadcaster.gateway('/chat').group(GROUP).emit('number', number);
      expect(backplane).toBe('accepted');
      this.accepted = number + 1;
      await delay(PAUSE_MS);
    }
  }
}

/** The numbers that a client missed on a connection without a loss report. */
function missedInSilence(
  { joinedAt, numbers }: Life,
  end: number,
  sentAt: readonly number[],
  losses: readonly LossReport[],
): number[] {
  const received = new Set(numbers);
  const expected = Array.from({ length: Math.max(0, end - joinedAt) }, (_, index) => joinedAt + index);
  return expected.filter((number) => {
    const at = sentAt[number] ?? NaN;
    const reported = losses.some(({ from, to }) => from - CLOCK_SLACK_MS <= at && at <= to + CLOCK_SLACK_MS);
    return !received.has(number) && !reported;
  });
}

describe.each(BALANCERS)('A rolling restart of three servers behind %s under traffic', (name) => {
  it(`shows no error page to ${CLIENTS} reconnecting clients and loses no message silently`, async () => {
    const options = farm.options(redis.url);
    const servers = await startBalancedServers(farm, options);
    const balancer = await startBalancer(name, { servers: servers.map(({ port }) => port) });
    farm.onEnd(() => balancer.stop());
    const publisher = await farm.context({ imports: [RedisBackplaneModule.forRoot(options)] });
    const numbers = new Numbers(publisher.get(Broadcaster));
    farm.onEnd(() => numbers.stop());
    const url = `ws://127.0.0.1:${balancer.port}/chat`;
    const clients = Array.from(
      { length: CLIENTS },
      () => new RoamingClient(url, GROUP, () => numbers.sentAt.length),
    );
    for (const client of clients) farm.onEnd(() => client.end());
    const allJoined = (): Promise<void> =>
      eventually(() => expect(clients.every(({ pid }) => pid !== undefined)).toBe(true));
    const serverOf = new Map<number, { server: BalancedServer; acceptedBeforeSignal: number }>();

    const refusals: string[] = [];
    await allJoined();
    for (const server of servers) {
      const { pid } = server;
      serverOf.set(pid, { server, acceptedBeforeSignal: numbers.accepted });
      await server.terminate();
      await server.start();
      await allJoined();
      // Wait until the balancer uses it again before restarting the next one.
      refusals.push(...(await untilUsed(server, url)));
    }
    await numbers.stop();
    await eventually(() =>
      expect(clients.map(({ lastNumber }) => lastNumber)).toEqual(clients.map(() => numbers.accepted - 1)),
    );

    for (const client of clients) refusals.push(...client.refusals);
    expect(refusals).toEqual([]);
    const lives = clients.flatMap((client) => client.history());
    expect(lives.length).toBeGreaterThanOrEqual(CLIENTS * 2);
    for (const life of lives) {
      const { numbers: received, pid, code } = life;
      expect([undefined, 1001]).toContain(code);
      expect(received).toEqual([...new Set(received)].sort((a, b) => a - b));
      const replaced = serverOf.get(pid);
      const server = replaced?.server ?? servers.find((candidate) => candidate.pid === pid);
      const end = replaced && code !== undefined ? replaced.acceptedBeforeSignal - 1 : numbers.accepted;
      expect(missedInSilence(life, end, numbers.sentAt, server?.reports ?? [])).toEqual([]);
    }
  }, 90_000);
});

/** Connects repeatedly until a connection reaches the server. @returns the errors meanwhile */
async function untilUsed(server: BalancedServer, url: string): Promise<string[]> {
  const refusals: string[] = [];
  const isReached = async (): Promise<boolean> => {
    const probe = new RoamingClient(url, 'probe', () => 0);
    await vi.waitFor(() => expect(probe.pid ?? probe.refusals[0]).toBeDefined(), PROBE);
    refusals.push(...probe.refusals);
    probe.end();
    return probe.pid === server.pid;
  };
  await expect.poll(isReached, PROBE).toBe(true);
  return refusals;
}
