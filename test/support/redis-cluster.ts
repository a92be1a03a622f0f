import { randomInt } from 'node:crypto';
import { Redis } from 'ioredis';
import { ownerOf, parseClusterNodes } from '../../lib/redis/cluster/cluster-view.js';
import { SLOTS } from '../../lib/protocol/hash-slot.js';
import { type RedisOptions, type RedisServer, RedisStartError, startRedis } from './redis-server.js';

const MASTERS = 3;
// Below the range of outgoing connections, like the servers' own ports (free-ports.ts).
const BUS_PORTS = [20_000, 32_000] as const;
const BUS_PORT_ATTEMPTS = 5;
/** A master that is silent for this long is replaced. With less, a busy machine would replace live masters. */
const NODE_TIMEOUT_MS = 2000;
const DEADLINE_MS = 30_000;
const POLL_MS = 50;

/** A cluster node and a connection to administer it. */
export class ClusterNode {
  readonly admin: Redis;

  constructor(
    readonly server: RedisServer,
    readonly id: string,
  ) {
    this.admin = new Redis(server.url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
    this.admin.on('error', () => undefined);
  }

  get port(): number {
    return this.server.port;
  }
}

/** Three masters with one replica each, as local processes that end with this one. */
export class RedisCluster {
  private readonly gone = new Set<ClusterNode>();

  constructor(readonly nodes: readonly ClusterNode[]) {}

  /** A URL that names all nodes. */
  get url(): string {
    return `redis+cluster://${this.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  }

  /** Resolves with the master that most live nodes name as the slot's owner. */
  async primaryOf(slot: number): Promise<ClusterNode> {
    const votes = new Map<number, number>();
    for (const node of this.living()) {
      const port = await portOfOwner(node, slot);
      if (port !== undefined) votes.set(port, (votes.get(port) ?? 0) + 1);
    }
    const [winner] = [...votes].sort(([, a], [, b]) => b - a);
    const primary = this.nodes.find(({ port }) => port === winner?.[0]);
    if (!primary) throw new Error(`No node of the cluster owns slot ${slot}.`);
    return primary;
  }

  /** Resolves with a replica of this master. */
  async replicaOf(primary: ClusterNode): Promise<ClusterNode> {
    const lines = (await primary.admin.cluster('NODES')) as string;
    const id = lines
      .split('\n')
      .map((line) => line.split(' '))
      .find(([, , flags, master]) => flags?.includes('slave') && master === primary.id)?.[0];
    const replica = this.nodes.find((node) => node.id === id);
    if (!replica) throw new Error(`The master on port ${primary.port} has no replica.`);
    return replica;
  }

  async kill(node: ClusterNode): Promise<void> {
    this.gone.add(node);
    await node.server.kill();
  }

  /** The node never replies again, but the kernel still accepts connections for it. */
  freeze(node: ClusterNode): void {
    this.gone.add(node);
    node.server.freeze();
  }

  /** Resolves once every live node names another owner of the slot. */
  async untilReplaced(slot: number, before: ClusterNode): Promise<void> {
    await until(`slot ${slot} had another owner`, async () => {
      const ports = await Promise.all(this.living().map((node) => portOfOwner(node, slot)));
      return ports.every((port) => port !== undefined && port !== before.port);
    });
  }

  /** Moves the slot to another master. The slot has no keys, only channels. */
  async migrate(slot: number): Promise<void> {
    const from = await this.primaryOf(slot);
    const { masters } = await viewOf(from);
    const to = this.living().find(
      ({ port }) => port !== from.port && masters.some((master) => master.port === port),
    );
    if (!to) throw new Error('The cluster has no other live master to move the slot to.');
    await to.admin.cluster('SETSLOT', slot, 'IMPORTING', from.id);
    await from.admin.cluster('SETSLOT', slot, 'MIGRATING', to.id);
    await to.admin.cluster('SETSLOT', slot, 'NODE', to.id);
    await from.admin.cluster('SETSLOT', slot, 'NODE', to.id);
    await this.untilReplaced(slot, from);
  }

  async stop(): Promise<void> {
    for (const { admin } of this.nodes) admin.disconnect();
    await Promise.all(this.nodes.map(({ server }) => server.stop()));
  }

  /** The nodes that were neither killed nor frozen. */
  living(): ClusterNode[] {
    return this.nodes.filter((node) => !this.gone.has(node));
  }
}

/** Extra arguments for each node, and files that they refer to. */
type NodeOptions = Pick<RedisOptions, 'args' | 'files'>;

/** Starts a cluster. Resolves once all slots are served and all replicas are in sync. */
export async function startRedisCluster(options: NodeOptions = {}): Promise<RedisCluster> {
  const starts = await Promise.allSettled(
    Array.from({ length: 2 * MASTERS }, () => startClusterNode(options)),
  );
  const servers = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const failed = starts.find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') {
    await Promise.all(servers.map((server) => server.stop()));
    throw failed.reason;
  }
  const cluster = new RedisCluster(await Promise.all(servers.map(introduce)));
  try {
    await form(cluster.nodes);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/** Starts a node that belongs to no cluster yet. */
export async function startClusterNode({ args = [], files = {} }: NodeOptions): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const settings = {
      'cluster-enabled': 'yes',
      'cluster-port': randomInt(...BUS_PORTS),
      'cluster-node-timeout': NODE_TIMEOUT_MS,
      // Let a replica take over even if it was not in sync for a while, because there is no data to lose.
      'cluster-replica-validity-factor': 0,
      'repl-diskless-sync-delay': 0,
    };
    const own = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    try {
      return await startRedis({
        args: (port) => [...own, ...(typeof args === 'function' ? args(port) : args)],
        files,
      });
    } catch (error) {
      if (!(error instanceof RedisStartError) || attempt === BUS_PORT_ATTEMPTS) throw error;
    }
  }
}

async function introduce(server: RedisServer): Promise<ClusterNode> {
  const admin = new Redis(server.url);
  try {
    return new ClusterNode(server, await admin.cluster('MYID'));
  } finally {
    admin.disconnect();
  }
}

async function form(nodes: readonly ClusterNode[]): Promise<void> {
  const [first, ...others] = nodes as [ClusterNode, ...ClusterNode[]];
  const masters = nodes.slice(0, MASTERS);
  for (const [index, { admin }] of nodes.entries()) await admin.cluster('SET-CONFIG-EPOCH', index + 1);
  for (const [index, { admin }] of masters.entries()) {
    const [begin, end] = [index, index + 1].map((part) => Math.floor((part * SLOTS) / MASTERS)) as [
      number,
      number,
    ];
    await admin.cluster('ADDSLOTSRANGE', begin, end - 1);
  }
  for (const { admin } of others) {
    const bus = (await first.admin.config('GET', 'cluster-port')) as [string, string];
    await admin.call('CLUSTER', 'MEET', '127.0.0.1', first.port, bus[1]);
  }
  await until('all nodes knew each other', async () => {
    const views = await Promise.all(nodes.map(viewOf));
    return views.every((view) => view.nodes.length === nodes.length);
  });
  for (const [index, { admin }] of nodes.slice(MASTERS).entries())
    await admin.cluster('REPLICATE', (masters[index] as ClusterNode).id);
  await until('the cluster was complete', async () => {
    const states = await Promise.all(nodes.map(({ admin }) => admin.cluster('INFO')));
    const roles = await Promise.all(nodes.slice(MASTERS).map(({ admin }) => admin.info('replication')));
    // Check the flags too, because a replica is in sync before all other nodes know that it is a replica.
    const flags = await Promise.all(nodes.map(flagsOf));
    return (
      states.every((state) => state.includes('cluster_state:ok')) &&
      roles.every((role) => role.includes('master_link_status:up')) &&
      flags.every((known) => known.filter((each) => each.includes('slave')).length === MASTERS)
    );
  });
}

async function viewOf({ admin, server }: ClusterNode): Promise<ReturnType<typeof parseClusterNodes>> {
  return parseClusterNodes((await admin.cluster('NODES')) as string, server, false);
}

/** The flags of all nodes, as this node sees them. */
async function flagsOf({ admin }: ClusterNode): Promise<string[]> {
  const lines = ((await admin.cluster('NODES')) as string).trim().split('\n');
  return lines.map((line) => line.split(' ')[2] ?? '');
}

async function portOfOwner(node: ClusterNode, slot: number): Promise<number | undefined> {
  return ownerOf(await viewOf(node), slot)?.port;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Timed out after ${DEADLINE_MS} ms, before ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
