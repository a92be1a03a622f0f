import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hashSlot } from '../../../lib/protocol/hash-slot.js';
import { describeBus } from '../../bus/bus-contract.js';
import { BusFarm, type BusServer } from '../../support/bus-farm.js';
import { BusTraffic } from '../../support/bus-traffic.js';
import { administer, watch } from '../../support/bus-watch.js';
import { collect, next } from '../../support/observe.js';
import {
  type ClusterNode,
  type RedisCluster,
  startClusterNode,
  startRedisCluster,
} from '../../support/redis-cluster.js';
import { type RedisServer, startRedis } from '../../support/redis-server.js';

/** Counted from the moment at which the slot has a new owner. Most of it is for a busy machine. */
const READY_AGAIN_MS = 6000;
const RECOVERY_DEADLINE_MS = 20_000;

describeBus('through a Redis Cluster', async () => {
  const cluster = await startRedisCluster();
  return {
    options: { connection: cluster.url },
    // Publish on the home node, to keep the order with the servers' messages.
    publishForeign: async (channel, bytes) => {
      const [prefix = ''] = channel.split(':');
      const home = await cluster.primaryOf(hashSlot(prefix));
      return home.admin.publish(channel, bytes);
    },
    close: () => cluster.stop(),
  };
});

describe('Servers on a Redis Cluster under traffic', () => {
  let cluster: RedisCluster;
  let farm: BusFarm;
  let servers: BusServer[];
  let traffic: BusTraffic;
  let slot: number;
  const unhandled: unknown[] = [];
  const keep = (reason: unknown): unknown => unhandled.push(reason);

  beforeEach(async () => {
    process.on('unhandledRejection', keep);
    cluster = await startRedisCluster();
    farm = new BusFarm({ connection: cluster.url });
    slot = hashSlot(farm.prefix);
    servers = [await farm.ready(), await farm.ready(), await farm.ready()];
    const channels = Array.from({ length: 6 }, (_, index) => `${farm.prefix}:traffic:${index}`);
    traffic = new BusTraffic(servers, channels);
    await traffic.start();
  });

  afterEach(async () => {
    await farm.close();
    await cluster.stop();
    process.off('unhandledRejection', keep);
    expect(unhandled.splice(0)).toEqual([]);
  });

  /**
   * Runs a fault and waits until all servers are back.
   *
   * @returns how many milliseconds they took once the slot had a new owner
   */
  async function recoverFrom(fault: (home: ClusterNode) => Promise<void>): Promise<number> {
    await traffic.more(150);
    const home = await cluster.primaryOf(slot);
    const restored = Promise.all(
      servers.map(async ({ bus }) => {
        await next(bus.connectionRestored$, undefined, RECOVERY_DEADLINE_MS);
        return performance.now();
      }),
    );
    // Awaited below, unless the fault itself fails.
    restored.catch(() => undefined);
    await fault(home);
    await cluster.untilReplaced(slot, home);
    const replacedAt = performance.now();
    return Math.max(...(await restored)) - replacedAt;
  }

  async function expectNothingLostInSilence(): Promise<void> {
    await traffic.more(150);
    await traffic.stop();
    for (const { accepted, uncovered, duplicates, inversions } of traffic.verdicts('all channels')) {
      expect(accepted).toBeGreaterThan(500);
      expect({ uncovered, duplicates, inversions }).toEqual({
        uncovered: [],
        duplicates: [],
        inversions: [],
      });
    }
  }

  /** The names of the servers' links to the node. */
  async function clientsOf(node: ClusterNode): Promise<string[]> {
    const list = String(await node.admin.client('LIST'));
    return [...list.matchAll(/ name=(backplane:\S+:\w+er)/g)].map(([, name]) => name as string);
  }

  it('connect only to the master that owns the slot of the channel prefix', async () => {
    const home = await cluster.primaryOf(slot);
    for (const node of cluster.nodes)
      expect(await clientsOf(node)).toHaveLength(node === home ? 2 * servers.length : 0);
    await traffic.more(100);
    await traffic.stop();
    for (const verdict of traffic.verdicts('all channels'))
      expect(verdict).toMatchObject({ missed: 0, duplicates: [], inversions: [] });
  });

  it('move to the replica when the primary is killed and report every loss', async () => {
    expect(await recoverFrom((home) => cluster.kill(home))).toBeLessThan(READY_AGAIN_MS);
    await expectNothingLostInSilence();
    expect(await clientsOf(await cluster.primaryOf(slot))).toHaveLength(2 * servers.length);
  });

  it('move to the replica when the primary is frozen and report every loss', async () => {
    const freeze = (home: ClusterNode): Promise<void> => Promise.resolve(cluster.freeze(home));
    expect(await recoverFrom(freeze)).toBeLessThan(READY_AGAIN_MS);
    await expectNothingLostInSilence();
    expect(await clientsOf(await cluster.primaryOf(slot))).toHaveLength(2 * servers.length);
  });

  it('leave a primary that is demoted but still running', async () => {
    const demote = async (home: ClusterNode): Promise<void> => {
      await (await cluster.replicaOf(home)).admin.cluster('FAILOVER');
    };
    const home = await cluster.primaryOf(slot);
    expect(await recoverFrom(demote)).toBeLessThan(READY_AGAIN_MS);
    await expectNothingLostInSilence();
    expect(await clientsOf(home)).toEqual([]);
  });

  it('follow the slot every time it migrates', async () => {
    for (let run = 0; run < 3; run++)
      expect(await recoverFrom(() => cluster.migrate(slot))).toBeLessThan(READY_AGAIN_MS);
    await expectNothingLostInSilence();
    expect(await clientsOf(await cluster.primaryOf(slot))).toHaveLength(2 * servers.length);
  });

  it('report an outage once, and a new server receives from all of them afterwards', async () => {
    const failures = servers.map(({ bus }) => collect(bus.connectionFailed$));
    await recoverFrom((home) => cluster.kill(home));
    expect(failures.map(({ values }) => values.length)).toEqual([1, 1, 1]);
    const late = await farm.ready();
    const channel = `${farm.prefix}:${randomUUID()}`;
    await late.bus.want(channel);
    for (const server of servers) await server.publish(channel, server.bus.serverId);
    expect(await late.hears(3)).toEqual(servers.map(({ bus }) => bus.serverId));
    await expectNothingLostInSilence();
  });
});

describe('A Redis Cluster', () => {
  let cluster: RedisCluster;
  let farm: BusFarm;

  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster.stop());
  beforeEach(() => {
    farm = new BusFarm({ connection: cluster.url });
  });
  afterEach(() => farm.close());

  const LEAST = '-@all +publish +subscribe +unsubscribe +ping +hello +client|setname +info'.split(' ');

  /** Creates a user on every node. @returns the URL for this user */
  async function user(...rules: string[]): Promise<string> {
    const name = `user-${randomUUID()}`;
    const own = ['on', '>pw', 'resetchannels', `&${farm.prefix}:*`, ...LEAST, ...rules];
    for (const { admin } of cluster.nodes) await admin.acl('SETUSER', name, ...own);
    return cluster.url.replace('//', `//${name}:pw@`);
  }

  it('computes the same slots as we do', async () => {
    const { admin } = cluster.nodes[0] as ClusterNode;
    for (const key of [
      '',
      '123456789',
      'backplane',
      'Grüße 😀',
      'a{b}c{d}',
      '{}x',
      '{{x}}',
      'x{',
      farm.prefix,
    ])
      expect([key, hashSlot(key)]).toEqual([key, await admin.cluster('KEYSLOT', key)]);
  });

  it('works for a user with only the rights that the guide lists', async () => {
    const connection = await user('+cluster|nodes');
    const [a, b] = [await farm.ready({ connection }), await farm.ready({ connection })];
    const channel = `${farm.prefix}:/chat:all`;
    await b.bus.want(channel);
    await a.publish(channel, 'heard');
    expect(await b.heardFrom(a)).toEqual(['heard']);
    expect([a.bus.status.state, b.bus.status.state]).toEqual(['ready', 'ready']);
  });

  it('that refuses to list its nodes is reported once, with the right to grant', async () => {
    const server = farm.server({ connection: await user() });
    const { errors } = watch(server);
    const failure = next(server.bus.connectionFailed$);
    await server.start();
    expect((await failure).cause.message).toContain('Grant the Redis user +cluster|nodes');
    await next(server.bus.status$, (status) => status.state === 'reconnecting' && status.attempt >= 3);
    expect(errors.map(({ stage, message }) => [stage, message])).toEqual([
      ['connect', expect.stringContaining('Grant the Redis user +cluster|nodes')],
    ]);
  });

  it('is found through any single reachable node', async () => {
    const connection = `redis+cluster://127.0.0.1:1,127.0.0.1:${cluster.nodes.at(-1)?.port},127.0.0.1:2`;
    const [a, b] = [await farm.ready({ connection }), await farm.ready()];
    await b.bus.want(`${farm.prefix}:x`);
    await a.publish(`${farm.prefix}:x`, 'heard');
    expect(await b.heardFrom(a)).toEqual(['heard']);
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

describe('A cluster node', () => {
  let node: RedisServer;
  let farm: BusFarm;

  afterEach(async () => {
    await farm.close();
    await node.stop();
  });

  it('that announces an unreachable address is found through natMap', async () => {
    node = await startClusterNode({ args: ['--cluster-announce-ip', '192.0.2.1'] });
    const { port, host } = node;
    await administer(node.url, (client) => client.cluster('ADDSLOTSRANGE', 0, 16_383));
    const natMap = { [`192.0.2.1:${port}`]: { host, port } };
    farm = new BusFarm({ connection: `redis+cluster://${host}:${port}`, redis: { natMap } });
    await farm.ready();
  });

  it.each([
    ['without a password', '', 'Redis asks for a password'],
    ['with a wrong password', ':wrong@', 'Redis refuses the user or the password'],
  ])('that requires a password refuses a server %s, which is reported once', async (_how, user, message) => {
    node = await startClusterNode({ args: ['--requirepass', 'secret'] });
    farm = new BusFarm({ connection: `redis+cluster://${user}${node.host}:${node.port}` });
    const server = farm.server();
    const { errors } = watch(server);
    await server.start();
    await next(server.bus.status$, (status) => status.state === 'reconnecting' && status.attempt >= 3);
    expect(errors).toMatchObject([{ stage: 'connect', message: expect.stringContaining(message) as string }]);
  });

  it('that is not in cluster mode is reported, with the URL to use instead', async () => {
    node = await startRedis();
    farm = new BusFarm({ connection: node.url.replace('redis:', 'redis+cluster:') });
    const server = farm.server();
    const failure = next(server.bus.connectionFailed$);
    await server.start();
    expect((await failure).cause.message).toMatch(/cluster support disabled.*redis:\/\/host/);
  });
});
