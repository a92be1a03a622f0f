import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.js';
import { MASTER, RedisSentinel } from '../support/redis-sentinel.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

/**
 * How servers reach Redis. `direct`: without a proxy; `proxied`: each server through its own proxy; `links`: like
 * `proxied`, but the last server's subscriber link goes to a replica; `sentinel`: sentinels name the primary;
 * `cluster`: all servers use one master of a cluster.
 */
export type Wiring = 'direct' | 'proxied' | 'links' | 'sentinel' | 'cluster';

/** One Redis user for each server and a spare one, so that a fault can revoke one server's permissions. */
const USERS = 4;

/** The Redis nodes of a farm. */
export class FarmRedis {
  private constructor(
    /** The node that all servers use, or one of the nodes of a cluster. */
    readonly server: RedisServer,
    /** A second node. With the wiring `links` it is a replica of `server`. */
    readonly spare: RedisServer | undefined,
    private readonly watched: RedisSentinel | undefined,
    private readonly clustered: RedisCluster | undefined,
  ) {}

  static async start(wiring: Wiring): Promise<FarmRedis> {
    const args = users();
    if (wiring === 'sentinel') {
      const watched = await RedisSentinel.start({ args });
      return new FarmRedis(await watched.primary(), undefined, watched, undefined);
    }
    if (wiring === 'cluster') {
      const clustered = await startRedisCluster({ args });
      const [node] = clustered.nodes;
      if (!node) throw new Error('The cluster has no nodes.');
      return new FarmRedis(node.server, undefined, undefined, clustered);
    }
    // By default a master delays a replica's sync by 5 s so that other replicas can join it.
    const server = await startRedis({ args: [...args, '--repl-diskless-sync-delay', '0'] });
    if (wiring === 'direct') return new FarmRedis(server, undefined, undefined, undefined);
    const replica = wiring === 'links' ? ['--replicaof', server.host, `${server.port}`] : [];
    const spare = await startRedis({ args: [...args, ...replica] });
    return new FarmRedis(server, spare, undefined, undefined);
  }

  get sentinel(): RedisSentinel {
    if (!this.watched) throw new Error('This farm has no sentinels. Start it with the wiring "sentinel".');
    return this.watched;
  }

  get cluster(): RedisCluster {
    if (!this.clustered) throw new Error('This farm has no cluster. Start it with the wiring "cluster".');
    return this.clustered;
  }

  /** The connection string of a server. @param port the port of a single Redis; ignored with sentinels or a cluster */
  connection(username: string, port: number): string {
    const user = `${username}:any@`;
    if (this.watched) return `redis+sentinel://${user}${this.watched.hosts}/${MASTER}`;
    if (this.clustered) return this.clustered.url.replace('://', `://${user}`);
    return `redis://${user}127.0.0.1:${port}`;
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await this.spare?.stop();
    await this.watched?.stop();
    await this.clustered?.stop();
  }
}

export function userOf(server: number): string {
  return `bench${server}`;
}

function users(): string[] {
  return Array.from({ length: USERS }, (_, server) => [
    '--user',
    userOf(server),
    'on',
    'nopass',
    '~*',
    '&*',
    '+@all',
  ]).flat();
}
