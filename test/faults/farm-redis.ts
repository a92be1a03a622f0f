import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.js';
import { MASTER, RedisSentinel } from '../support/redis-sentinel.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

/**
 * `proxied`: each server has a proxy of its own before Redis; `links`: its subscriber link another one, to a replica;
 * `sentinel`: sentinels name the primary; `cluster`: the servers meet on a master of a cluster.
 */
export type Wiring = 'direct' | 'proxied' | 'links' | 'sentinel' | 'cluster';

/** A Redis user for each server and one more, so that a permission can be taken from one. */
const USERS = 4;

/** The Redis of a farm, of whatever processes it is. */
export class FarmRedis {
  private constructor(
    /** The one that everybody is on; in a cluster one of its nodes. */
    readonly server: RedisServer,
    /** Another node: a replica of `server` where links are wired apart. */
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
    // By default a master lets a replica wait five seconds for others to copy it together.
    const server = await startRedis({ args: [...args, '--repl-diskless-sync-delay', '0'] });
    if (wiring === 'direct') return new FarmRedis(server, undefined, undefined, undefined);
    const replica = wiring === 'links' ? ['--replicaof', server.host, `${server.port}`] : [];
    const spare = await startRedis({ args: [...args, ...replica] });
    return new FarmRedis(server, spare, undefined, undefined);
  }

  get sentinel(): RedisSentinel {
    if (!this.watched) throw new Error('No sentinels watch this Redis.');
    return this.watched;
  }

  get cluster(): RedisCluster {
    if (!this.clustered) throw new Error('This Redis is no cluster.');
    return this.clustered;
  }

  /** How a server connects. @param port where it finds the one server, if it is one */
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
