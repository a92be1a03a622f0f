import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { allPartitions, partitionOf } from '../../../lib/bus/sharded/partition.js';
import { describeBus } from '../../bus/bus-contract.js';
import { BusFarm, type BusServer, record } from '../../support/bus-farm.js';
import { BusTraffic } from '../../support/bus-traffic.js';
import { administer, inState, watch } from '../../support/bus-watch.js';
import { eventually, collect, next } from '../../support/observe.js';
import {
  type ClusterNode,
  type RedisCluster,
  startClusterNode,
  startRedisCluster,
} from '../../support/redis-cluster.js';

/** From the moment when the cluster has a new owner of the slot; most of it is for a busy machine. */
const READY_AGAIN_MS = 6000;
const RECOVERY_DEADLINE_MS = 20_000;
const PARTITIONS = allPartitions('any').length;

/** Channels made from this base, one per partition. */
function oneInEach(base: string): string[] {
  const channels = new Map<number, string>();
  for (let run = 0; channels.size < PARTITIONS; run++) {
    const channel = `${base}:${run}`;
    if (!channels.has(partitionOf(channel))) channels.set(partitionOf(channel), channel);
  }
  return [...channels.values()];
}

describeBus('through sharded pub/sub of a Redis Cluster', async () => {
  const cluster = await startRedisCluster();
  return {
    options: { connection: cluster.url, sharded: true },
    lanes: oneInEach,
    publishForeign: async (channel, bytes) => {
      const [prefix = ''] = channel.split(':');
      const partition = allPartitions(prefix)[partitionOf(channel)];
      if (!partition) throw new Error(`The channel ${channel} has no partition.`);
      const { admin } = await cluster.primaryOf(partition.slot);
      return admin.spublish(partition.realName(channel), bytes);
    },
    close: () => cluster.stop(),
  };
});

describe('Servers with sharded pub/sub under traffic', () => {
  let cluster: RedisCluster;
  let farm: BusFarm;
  let servers: BusServer[];
  let traffic: BusTraffic;
  const unhandled: unknown[] = [];
  const keep = (reason: unknown): unknown => unhandled.push(reason);

  beforeEach(async () => {
    process.on('unhandledRejection', keep);
    cluster = await startRedisCluster();
    farm = new BusFarm({ connection: cluster.url, sharded: true }, undefined, oneInEach);
    servers = [await farm.ready(), await farm.ready(), await farm.ready()];
    traffic = new BusTraffic(servers, oneInEach(`${farm.prefix}:traffic`));
    await traffic.start();
  });

  afterEach(async () => {
    await farm.close();
    await cluster.stop();
    process.off('unhandledRejection', keep);
    expect(unhandled.splice(0)).toEqual([]);
  });

  const slotOf = (partition: number): number => allPartitions(farm.prefix)[partition]?.slot ?? -1;

  /**
   * Runs a fault on the slot's primary and waits until all servers are back.
   *
   * @returns how many milliseconds they took once the slot had a new owner
   */
  async function recoverFrom(slot: number, fault: (primary: ClusterNode) => Promise<void>): Promise<number> {
    await traffic.more(150);
    const primary = await cluster.primaryOf(slot);
    const restored = Promise.all(
      servers.map(async ({ bus }) => {
        await next(bus.connectionRestored$, undefined, RECOVERY_DEADLINE_MS);
        return performance.now();
      }),
    );
    // Awaited below, unless the fault itself fails.
    restored.catch(() => undefined);
    await fault(primary);
    await cluster.untilReplaced(slot, primary);
    const replacedAt = performance.now();
    return Math.max(...(await restored)) - replacedAt;
  }

  async function expectNothingLostInSilence(): Promise<void> {
    await traffic.more(150);
    await traffic.stop();
    for (const { accepted, uncovered, duplicates, inversions } of traffic.verdicts('each channel')) {
      expect(accepted).toBeGreaterThan(500);
      expect({ uncovered, duplicates, inversions }).toEqual({
        uncovered: [],
        duplicates: [],
        inversions: [],
      });
    }
  }

  it('have one pair of links to each master and none to replicas', async () => {
    const masters = new Set(
      await Promise.all(allPartitions(farm.prefix).map(({ slot }) => cluster.primaryOf(slot))),
    );
    expect(masters.size).toBe(3);
    for (const node of cluster.nodes) {
      const list = String(await node.admin.client('LIST'));
      const links = [...list.matchAll(/ name=backplane:\S+:\w+er /g)];
      expect(links).toHaveLength(masters.has(node) ? 2 * servers.length : 0);
    }
    await traffic.more(100);
    await traffic.stop();
    for (const verdict of traffic.verdicts('each channel'))
      expect(verdict).toMatchObject({ missed: 0, duplicates: [], inversions: [] });
  });

  it('deliver a message for channels of all partitions once', async () => {
    const [a, b] = servers as [BusServer, BusServer];
    const channels = oneInEach(`${farm.prefix}:wide`);
    await Promise.all(channels.map((channel) => b.bus.want(channel)));
    const { duplicates } = b.bus.counters;
    await a.bus.publish(channels, record('wide'));
    await traffic.stop();
    expect((await b.heardFrom(a)).filter((text) => text === 'wide')).toEqual(['wide']);
    expect(b.bus.counters.duplicates).toBe(duplicates + PARTITIONS - 1);
  });

  it('move to the replica when a primary is killed and report every loss', async () => {
    const failures = servers.map(({ bus }) => collect(bus.connectionFailed$));
    expect(await recoverFrom(slotOf(0), (primary) => cluster.kill(primary))).toBeLessThan(READY_AGAIN_MS);
    expect(failures.map(({ values }) => values.length)).toEqual([1, 1, 1]);
    await expectNothingLostInSilence();
  });

  it('keep receiving from the partitions of other primaries when one is killed', async () => {
    const primary = await cluster.primaryOf(slotOf(0));
    const losses = servers.map(({ bus }) => collect(bus.loss$));
    await recoverFrom(slotOf(0), () => cluster.kill(primary));
    const owned = await Promise.all(
      allPartitions(farm.prefix).map(async ({ slot }) => (await cluster.primaryOf(slot)).port),
    );
    const replaced = owned[0];
    for (const { values } of losses) {
      expect(values.length).toBeGreaterThan(0);
      const channels = values.flatMap(({ channels }) => (channels === 'all' ? ['all'] : channels));
      expect(channels).not.toContain('all');
      expect(channels.filter((channel) => owned[partitionOf(channel)] !== replaced)).toEqual([]);
    }
    await expectNothingLostInSilence();
  });

  it('move to the replica when a primary is frozen and report every loss', async () => {
    const freeze = (primary: ClusterNode): Promise<void> => Promise.resolve(cluster.freeze(primary));
    expect(await recoverFrom(slotOf(5), freeze)).toBeLessThan(READY_AGAIN_MS);
    await expectNothingLostInSilence();
  });

  it('follow a migrating slot at once, every time', async () => {
    for (let run = 0; run < 3; run++)
      expect(await recoverFrom(slotOf(11), () => cluster.migrate(slotOf(11)))).toBeLessThan(READY_AGAIN_MS);
    await expectNothingLostInSilence();
  });

  it('notice a stopped server and a new one once each', async () => {
    const [a, b, c] = servers as [BusServer, BusServer, BusServer];
    await traffic.stop();
    const lost = collect(a.bus.peers.lost$);
    await b.bus.close();
    await eventually(() => expect(c.bus.peers.alive.has(b.bus.serverId)).toBe(false));
    const late = await farm.ready();
    await a.heardFrom(late);
    expect(lost.values).toEqual([b.bus.serverId]);
    expect(new Set(a.bus.peers.alive)).toEqual(new Set([c.bus.serverId, late.bus.serverId]));
  });
});

describe('Sharded pub/sub', () => {
  let cluster: RedisCluster;
  let farm: BusFarm;

  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster.stop());
  beforeEach(() => {
    farm = new BusFarm({ connection: cluster.url, sharded: true }, undefined, oneInEach);
  });
  afterEach(() => farm.close());

  it('works for a user with only the rights that the guide lists', async () => {
    const rights = '+spublish +ssubscribe +sunsubscribe +ping +hello +client|setname +info +cluster|nodes';
    const rules = ['on', '>pw', 'resetchannels', `&${farm.prefix}:*`, '-@all', ...rights.split(' ')];
    for (const { server } of cluster.nodes)
      await administer(server.url, (client) => client.acl('SETUSER', 'sharded', ...rules));
    const connection = cluster.url.replace('//', '//sharded:pw@');
    const [a, b] = [await farm.ready({ connection }), await farm.ready({ connection })];
    const { errors } = watch(b);
    await b.bus.want(`${farm.prefix}:/chat:all`);
    await a.publish(`${farm.prefix}:/chat:all`, 'heard');
    expect(await b.heardFrom(a)).toEqual(['heard']);
    expect([errors, b.bus.status.state]).toEqual([[], 'ready']);
  });

  it('costs an idle server one heartbeat per second and node, plus one subscription check', async () => {
    const servers = [await farm.ready(), await farm.ready()];
    const published = async (): Promise<number> => {
      const stats = await Promise.all(cluster.nodes.map(({ admin }) => admin.info('commandstats')));
      return stats.reduce(
        (sum, text) => sum + Number(/^cmdstat_spublish:calls=(\d+)/m.exec(text)?.[1] ?? 0),
        0,
      );
    };
    const received = (): number => servers[0]?.bus.counters.received ?? 0;
    const began = performance.now();
    const before = await published();
    const last = received() + 5 * PARTITIONS;
    await eventually(() => expect(received()).toBeGreaterThanOrEqual(last));
    const sent = (await published()) - before;
    const seconds = (performance.now() - began) / 1000;
    const masters = 3;
    // If a second ends in the middle of a turn, a node gets two messages. Without sharing it would get four.
    expect(sent).toBeLessThanOrEqual((seconds + 1) * servers.length * (2 * masters + 1));
    expect(sent).toBeGreaterThanOrEqual((seconds - 1) * servers.length * masters);
  });

  it('is retried at startup and does not delay close', async () => {
    const server = farm.server({ connection: 'redis+cluster://127.0.0.1:1,127.0.0.1:2' });
    const { failures } = watch(server);
    await server.start();
    await next(server.bus.status$, (status) => status.state === 'reconnecting' && status.attempt >= 2);
    expect(failures).toMatchObject([
      { cause: { message: expect.stringContaining('no node of the cluster') as string } },
    ]);
    await server.bus.close();
    expect(server.bus.status.state).toBe('closed');
  });
});

describe('Sharded pub/sub on nodes older than Redis 7', () => {
  it('is reported once, with advice', async () => {
    const node = await startClusterNode({ args: ['--rename-command', 'SSUBSCRIBE', ''] });
    const farm = new BusFarm({ connection: node.url.replace('redis:', 'redis+cluster:'), sharded: true });
    try {
      await administer(node.url, (client) => client.cluster('ADDSLOTSRANGE', 0, 16_383));
      const server = farm.server();
      const { errors } = watch(server);
      await server.start();
      await inState(server, 'degraded');
      const messages = errors.filter(({ stage }) => stage === 'connect').map(({ message }) => message);
      expect(messages).toEqual([expect.stringContaining('needs Redis 7 or later')]);
    } finally {
      await farm.close();
      await node.stop();
    }
  });
});
