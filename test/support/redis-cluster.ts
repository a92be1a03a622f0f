import { randomInt } from 'node:crypto';
import { Redis } from 'ioredis';
import { ownerOf, parseClusterNodes } from '../../lib/redis/cluster/cluster-view.js';
import { SLOTS } from '../../lib/protocol/hash-slot.js';
import { type RedisOptions, type RedisServer, RedisStartError, startRedis } from './redis-server.js';

const MASTERS = 3;
// As for the servers' own ports: below the range of outgoing connections.
const BUS_PORTS = [20_000, 32_000] as const;
const BUS_PORT_ATTEMPTS = 5;
/** A master that is silent for so long is replaced. Less, and a busy machine replaces masters that live. */
const NODE_TIMEOUT_MS = 2000;
const DEADLINE_MS = 30_000;
const LOOK_MS = 50;

/** One node of a cluster, and a connection to administer it. */
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

/** Three masters and a replica of each, of processes of this machine, that end with it. */
export class RedisCluster {
  private readonly gone = new Set<ClusterNode>();

  constructor(readonly nodes: readonly ClusterNode[]) {}

  /** Names all of its nodes. */
  get url(): string {
    return `redis+cluster://${this.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  }

  /** The master that owns the slot, as a majority of the nodes that live sees it. */
  async primaryOf(slot: number): Promise<ClusterNode> {
    const votes = new Map<number, number>();
    for (const node of this.living()) {
      const port = await portOfOwner(node, slot);
      if (port !== undefined) votes.set(port, (votes.get(port) ?? 0) + 1);
    }
    const [winner] = [...votes].sort(([, a], [, b]) => b - a);
    const primary = this.nodes.find(({ port }) => port === winner?.[0]);
    if (!primary) throw new Error(`nobody owns slot ${slot}`);
    return primary;
  }

  /** A replica of it, which may replace it. */
  async replicaOf(primary: ClusterNode): Promise<ClusterNode> {
    const lines = (await primary.admin.cluster('NODES')) as string;
    const id = lines
      .split('\n')
      .map((line) => line.split(' '))
      .find(([, , flags, master]) => flags?.includes('slave') && master === primary.id)?.[0];
    const replica = this.nodes.find((node) => node.id === id);
    if (!replica) throw new Error(`the node on port ${primary.port} has no replica`);
    return replica;
  }

  async kill(node: ClusterNode): Promise<void> {
    this.gone.add(node);
    await node.server.kill();
  }

  /** It goes on to take connections, through the kernel, and says nothing. */
  freeze(node: ClusterNode): void {
    this.gone.add(node);
    node.server.freeze();
  }

  /** Resolves when every node that lives knows another owner of the slot than this one. */
  async untilReplaced(slot: number, before: ClusterNode): Promise<void> {
    await until(`slot ${slot} has another owner`, async () => {
      const ports = await Promise.all(this.living().map((node) => portOfOwner(node, slot)));
      return ports.every((port) => port !== undefined && port !== before.port);
    });
  }

  /** Has another master own the slot; there is nothing in it but channels. */
  async migrate(slot: number): Promise<void> {
    const from = await this.primaryOf(slot);
    const { masters } = await viewOf(from);
    const to = this.living().find(
      ({ port }) => port !== from.port && masters.some((master) => master.port === port),
    );
    if (!to) throw new Error('there is no other master');
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

  /** Nodes that nobody has killed or frozen. */
  living(): ClusterNode[] {
    return this.nodes.filter((node) => !this.gone.has(node));
  }
}

/** More arguments for each node, and files that they name. */
type NodeOptions = Pick<RedisOptions, 'args' | 'files'>;

/** Starts a cluster; resolves when it is whole and its replicas follow. */
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

/** One node that belongs to no cluster yet. */
export async function startClusterNode({ args = [], files = {} }: NodeOptions): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const settings = {
      'cluster-enabled': 'yes',
      'cluster-port': randomInt(...BUS_PORTS),
      'cluster-node-timeout': NODE_TIMEOUT_MS,
      // A replica that has not followed for a while may take over all the same: there is no data to lose.
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
  await until('all nodes know each other', async () => {
    const views = await Promise.all(nodes.map(viewOf));
    return views.every((view) => view.nodes.length === nodes.length);
  });
  for (const [index, { admin }] of nodes.slice(MASTERS).entries())
    await admin.cluster('REPLICATE', (masters[index] as ClusterNode).id);
  await until('the cluster is whole', async () => {
    const states = await Promise.all(nodes.map(({ admin }) => admin.cluster('INFO')));
    const roles = await Promise.all(nodes.slice(MASTERS).map(({ admin }) => admin.info('replication')));
    // A replica follows before all others know that it is one.
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

/** Of all nodes, as this one sees them. */
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
    if (performance.now() > deadline) throw new Error(`${DEADLINE_MS} ms have passed before ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
