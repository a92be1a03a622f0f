import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BusFarm } from '../../support/bus-farm.js';
import { inState, watch } from '../../support/bus-watch.js';
import { BUSY_MACHINE_MS } from '../../support/busy-machine.js';
import { next } from '../../support/observe.js';
import { RedisSentinel } from '../../support/redis-sentinel.js';
import type { RedisServer } from '../../support/redis-server.js';
import { tlsOptions } from '../../support/redis-tls.js';
import { CertificateAuthority } from '../../support/tls-certificates.js';
import { sayTopology } from '../../support/topology.js';
import { describeBus } from '../../bus/bus-contract.js';

const PASSWORD = 'se:cr/et';
/** Counted from the moment at which a sentinel names another primary. Most of it is for a busy machine. */
const READY_SOON_MS = 6000;
/** Sentinel takes eight seconds to demote a returning primary. */
const TIMEOUT_MS = 60_000;

describeBus('through Sentinel', async () => {
  const redis = await RedisSentinel.start();
  const primary = await redis.primary();
  await sayTopology('Sentinel', { port: primary.port });
  const stranger = new Redis(primary.url);
  return {
    options: { connection: redis.url },
    publishForeign: (channel, bytes) => stranger.publish(channel, bytes),
    close: async () => {
      await stranger.quit();
      await redis.stop();
    },
  };
});

describe('A primary that Sentinel watches', () => {
  let redis: RedisSentinel;
  let farm: BusFarm;
  let channel: string;
  let before: RedisServer;

  beforeAll(async () => {
    redis = await RedisSentinel.start({ password: PASSWORD });
    const { port } = await redis.primary();
    await sayTopology('Sentinel with passwords', { port, password: PASSWORD });
  });
  afterAll(() => redis.stop());
  beforeEach(async () => {
    await redis.settled();
    before = await redis.primary();
    const password = encodeURIComponent(PASSWORD);
    farm = new BusFarm({
      connection: `redis+sentinel://:${password}@${redis.hosts}/mymaster?sentinelPassword=${password}`,
    });
    channel = farm.channels.target('/chat', { kind: 'group', name: randomUUID() });
  });
  afterEach(() => farm.close());

  /** Checks that the servers reach each other through the new primary and that none is left on the old one. */
  async function expectAbandoned(old: RedisServer): Promise<void> {
    const [a, b] = await pair;
    await a.publish(channel, 'later');
    expect(await b.heardFrom(a)).toContain('later');
    expect((await redis.clientsOf(old)).filter((name) => name.startsWith('backplane:'))).toEqual([]);
  }

  let pair: ReturnType<BusFarm['pair']>;
  beforeEach(async () => {
    pair = farm.pair();
    const [, b] = await pair;
    await b.bus.want(channel);
  });

  /** Resolves with the milliseconds from the promotion until both servers are ready, once both have noticed it. */
  async function readyAfterPromotion(noticed: Promise<unknown>): Promise<number> {
    await redis.promoted(before);
    const promotedAt = performance.now();
    await noticed;
    for (const server of await pair) await server.ready();
    return performance.now() - promotedAt;
  }

  async function unready(): Promise<void> {
    await Promise.all((await pair).map(({ bus }) => next(bus.status$, ({ state }) => state !== 'ready')));
  }

  it(
    'is left soon after an ordered failover',
    async () => {
      const noticed = unready();
      await redis.failover();
      expect(await readyAfterPromotion(noticed)).toBeLessThan(READY_SOON_MS);
      await expectAbandoned(before);
    },
    TIMEOUT_MS,
  );

  it(
    'that is killed is replaced, and no server uses it when it returns',
    async () => {
      const noticed = unready();
      await before.kill();
      expect(await readyAfterPromotion(noticed)).toBeLessThan(READY_SOON_MS);
      await before.start();
      const [a] = await pair;
      const { states } = watch(a);
      // It returns as a primary until Sentinel makes it a replica.
      await redis.demoted(before);
      expect(states()).toEqual(['ready']);
      await expectAbandoned(before);
    },
    TIMEOUT_MS,
  );

  it(
    'that hangs together with a sentinel is replaced, and no server uses it when it resumes',
    async () => {
      const noticed = unready();
      const [sentinel] = redis.sentinels;
      before.freeze();
      sentinel?.freeze();
      expect(await readyAfterPromotion(noticed)).toBeLessThan(READY_SOON_MS);
      before.resume();
      sentinel?.resume();
      const [a] = await pair;
      const { states } = watch(a);
      await redis.demoted(before);
      expect(states()).toEqual(['ready']);
      await expectAbandoned(before);
    },
    TIMEOUT_MS,
  );
});

it(
  'A primary with TLS is found through sentinels with TLS and left after a failover',
  async () => {
    const authority = new CertificateAuthority();
    const redis = await RedisSentinel.start({ tls: tlsOptions(authority, authority.issue(['127.0.0.1'])) });
    const farm = new BusFarm({
      connection: redis.url.replace('redis', 'rediss'),
      redis: { tls: { ca: authority.cert } },
    });
    try {
      const before = await redis.primary();
      await sayTopology('Sentinel with TLS', { port: before.port });
      const [a, b] = await farm.pair();
      const left = Promise.all([a, b].map(({ bus }) => next(bus.status$, ({ state }) => state !== 'ready')));
      await redis.failover();
      await redis.promoted(before);
      await left;
      await Promise.all([a.ready(), b.ready()]);
      expect(await b.heardFrom(a)).toEqual([]);
      expect((await redis.clientsOf(before)).filter((name) => name.startsWith('backplane:'))).toEqual([]);
    } finally {
      await farm.close();
      await redis.stop();
    }
  },
  TIMEOUT_MS,
);

it(
  'A sentinel certificate for other hosts is refused and reported once, with the reason',
  async () => {
    const authority = new CertificateAuthority();
    const tls = tlsOptions(authority, authority.issue(['sentinel.example']));
    const redis = await RedisSentinel.start({ tls });
    const farm = new BusFarm({
      connection: redis.url.replace('redis', 'rediss'),
      redis: { tls: { ca: authority.cert } },
    });
    try {
      const server = farm.server();
      const { errors } = watch(server);
      await server.start();
      const refused = (): string[] =>
        errors.map(({ message }) => message).filter((text) => text.includes('other hosts'));
      await next(server.bus.status$, (status) => status.state === 'reconnecting' && status.attempt >= 8);
      const advice = /^sentinel 127\.0\.0\.1:\d+: the certificate of Redis is for other hosts/;
      expect(refused()).toEqual([expect.stringMatching(advice)]);
    } finally {
      await farm.close();
      await redis.stop();
    }
  },
  TIMEOUT_MS,
);

describe('Sentinels', () => {
  let redis: RedisSentinel;
  let farm: BusFarm;

  beforeAll(async () => {
    redis = await RedisSentinel.start();
  });
  afterAll(() => redis.stop());
  beforeEach(() => {
    farm = new BusFarm({ connection: redis.url });
  });
  afterEach(() => farm.close());

  it('that are down are retried and used once they are up', async () => {
    await Promise.all(redis.sentinels.map((sentinel) => sentinel.kill()));
    const server = farm.server();
    const { errors, failures } = watch(server);
    await server.start();
    await next(server.bus.status$, (status) => status.state === 'reconnecting' && status.attempt >= 3);
    expect(failures).toHaveLength(1);
    expect(errors).toMatchObject([
      { stage: 'connect', message: expect.stringContaining('Check the hosts') as string },
    ]);
    await Promise.all(redis.sentinels.map((sentinel) => sentinel.start()));
    await server.ready();
  });

  it('that do not know the master’s name are reported with the reason', async () => {
    const server = farm.server({ connection: redis.url.replace('mymaster', 'other') });
    const { errors } = watch(server);
    await server.start();
    await inState(server, 'reconnecting');
    expect(errors).toMatchObject([
      { stage: 'connect', message: expect.stringContaining('name of the master') as string },
    ]);
  });

  it('do not delay close while none of them replies', async () => {
    const server = await farm.ready();
    for (const sentinel of redis.sentinels) sentinel.freeze();
    await redis.nodes[0]?.kill();
    await inState(server, 'reconnecting');
    const began = performance.now();
    await server.bus.close();
    // A close that waited for the sentinels would wait until the end of the test.
    expect(performance.now() - began).toBeLessThan(BUSY_MACHINE_MS);
    for (const sentinel of redis.sentinels) sentinel.resume();
  });
});
