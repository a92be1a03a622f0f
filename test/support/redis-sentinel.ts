import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from './redis-server.js';
import { type tlsOptions, tlsPortOf } from './redis-tls.js';

export const MASTER = 'mymaster';
const QUORUM = 2;
const DOWN_AFTER_MS = 1000;
/**
 * A sentinel checks only once a second whether a replica was promoted. If a failover takes longer than this after the
 * promotion, the sentinel abandons it and starts another one after twice this time.
 */
const FAILOVER_TIMEOUT_MS = 3000;
const POLL_MS = 20;
/**
 * After failovers in quick succession, sentinels sometimes take a replica for the primary. They notice after two checks,
 * which are ten seconds apart, and then need another failover.
 */
const DEADLINE_MS = 60_000;
/** Sentinels exchange what they know every two seconds. */
const AGREED_MS = 2500;

type PortOf = (server: { readonly port: number }) => number;

export interface SentinelOptions {
  /** Extra arguments for the primary and its replicas. */
  args?: readonly string[];
  /** The password of the servers and of the sentinels. */
  password?: string;
  /** Makes all of them use TLS with each other and with clients. Only the test itself connects without TLS. */
  tls?: ReturnType<typeof tlsOptions>;
}

/** A primary and two replicas, watched by three sentinels. */
export class RedisSentinel {
  private constructor(
    readonly nodes: readonly RedisServer[],
    readonly sentinels: readonly RedisServer[],
    private readonly password: string | undefined,
    private readonly portOf: PortOf,
  ) {}

  static async start({ args = [], password, tls }: SentinelOptions = {}): Promise<RedisSentinel> {
    const secret = password === undefined ? [] : ['--requirepass', password, '--masterauth', password];
    // By default a master delays a replica's sync by 5 s so that other replicas can join it.
    const common = [...args, ...secret, '--repl-diskless-sync-delay', '0'];
    const servers: RedisServer[] = [];
    const portOf: PortOf = tls ? tlsPortOf : ({ port }) => port;
    const start = async (own: readonly string[], config?: string): Promise<RedisServer> => {
      const server = await startRedis({
        mode: config === undefined ? 'server' : 'sentinel',
        files: { ...tls?.files, ...(config !== undefined && { 'sentinel.conf': config }) },
        args: (port) => [...own, ...(tls ? [...tls.args(port), '--tls-replication', 'yes'] : [])],
      });
      servers.push(server);
      return server;
    };
    try {
      const primary = await start(common);
      const replica = [...common, '--replicaof', primary.host, `${portOf(primary)}`];
      const nodes = [primary, await start(replica), await start(replica)];
      // A sentinel discovers replicas at startup and then only every ten seconds.
      await until(async () => (await roleOf(primary, password)).replicas === 2, 'the replicas were attached');
      const config = configuration(primary.host, portOf(primary), password);
      const sentinels = await Promise.all(nodes.map(() => start(secret.slice(0, 2), config)));
      const farm = new RedisSentinel(nodes, sentinels, password, portOf);
      await until(() => farm.isComplete(), 'the sentinels knew each other');
      return farm;
    } catch (error) {
      await Promise.all(servers.map((server) => server.stop()));
      throw error;
    }
  }

  get hosts(): string {
    return this.sentinels.map((sentinel) => `${sentinel.host}:${this.portOf(sentinel)}`).join(',');
  }

  /** The URL for clients without a password. */
  get url(): string {
    return `redis+sentinel://${this.hosts}/${MASTER}`;
  }

  /** Resolves with the server that a sentinel names as the primary. On a busy machine that can take a while. */
  async primary(): Promise<RedisServer> {
    const found: RedisServer[] = [];
    await until(async () => {
      const named = await Promise.all(this.sentinels.map((sentinel) => this.named(sentinel)));
      found.push(...this.nodes.filter((each) => named.includes(this.portOf(each))));
      return found.length > 0;
    }, 'a sentinel named a primary');
    const [primary] = found;
    if (!primary) throw new Error('No sentinel names a primary.');
    return primary;
  }

  /**
   * Orders a failover, and repeats the order if a sentinel abandons it, which happens for a while after it lost sight of a
   * replica. Resolves once a sentinel names another primary.
   */
  async failover(): Promise<void> {
    const [sentinel] = this.sentinels;
    if (!sentinel) return;
    const before = await this.named(sentinel);
    let orderedAt = -Infinity;
    await until(async () => {
      if ((await this.named(sentinel)) !== before) return true;
      // A sentinel refuses a second order during a failover. Right after it, a second order would cause a second
      // failover.
      if (performance.now() - orderedAt < FAILOVER_TIMEOUT_MS) return false;
      const reply = await this.ask(sentinel, (client) => client.call('SENTINEL', 'FAILOVER', MASTER));
      if (reply === 'OK') orderedAt = performance.now();
      return false;
    }, 'the ordered failover was done');
  }

  /** Resolves once a sentinel names another primary and that server has taken the role. */
  async promoted(before: RedisServer): Promise<RedisServer> {
    let after: RedisServer | undefined;
    await until(async () => {
      const named = await Promise.all(this.sentinels.map((sentinel) => this.named(sentinel)));
      after = this.nodes.find((node) => node !== before && named.includes(this.portOf(node)));
      return after !== undefined && (await roleOf(after, this.password)).role === 'master';
    }, 'another server was promoted');
    return after ?? before;
  }

  /** Resolves once a returning server has become a replica. */
  demoted(server: RedisServer): Promise<void> {
    return until(
      async () => (await roleOf(server, this.password)).role === 'slave',
      'the server was demoted',
    );
  }

  /**
   * Resolves once another failover may begin: all other servers replicate the primary, all sentinels agree, and both have
   * held for longer than sentinels need to exchange news.
   */
  settled(): Promise<void> {
    let since: number | undefined;
    return until(async () => {
      since = (await this.isWell()) ? (since ?? performance.now()) : undefined;
      return since !== undefined && performance.now() - since >= AGREED_MS;
    }, 'the sentinels had settled');
  }

  private async isWell(): Promise<boolean> {
    const named = await Promise.all(this.sentinels.map((sentinel) => this.named(sentinel)));
    const primary = this.nodes.find((node) => this.portOf(node) === named[0]);
    if (!primary || named.some((port) => port !== named[0])) return false;
    return (
      (await roleOf(primary, this.password)).replicas === this.nodes.length - 1 && (await this.isComplete())
    );
  }

  /** The names of a server's clients. */
  async clientsOf(server: RedisServer): Promise<string[]> {
    const list = await withClient(server, this.password, (client) => client.client('LIST'));
    return [...String(list).matchAll(/ name=(\S+) /g)].flatMap(([, name]) => name ?? []);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.sentinels, ...this.nodes].map((server) => server.stop()));
  }

  /** Whether each sentinel knows both replicas and both other sentinels and considers all of them healthy. */
  private async isComplete(): Promise<boolean> {
    const views = await Promise.all(
      this.sentinels.map((sentinel) =>
        this.ask(sentinel, async (client) => {
          const [replicas, sentinels] = await Promise.all([
            client.call('SENTINEL', 'REPLICAS', MASTER),
            client.call('SENTINEL', 'SENTINELS', MASTER),
          ]);
          return [flagsOf(replicas), flagsOf(sentinels)];
        }),
      ),
    );
    return views.every((view) =>
      view?.every((flags) => flags.length === 2 && !flags.some((each) => /down|disc/.test(each))),
    );
  }

  private named(sentinel: RedisServer): Promise<number | undefined> {
    return this.ask(sentinel, async (client) => {
      const address = (await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER)) as string[];
      return Number(address[1]);
    });
  }

  /** Resolves with `undefined` if the sentinel does not reply or refuses. */
  private async ask<T>(
    sentinel: RedisServer | undefined,
    command: (client: Redis) => Promise<T>,
  ): Promise<T | undefined> {
    if (!sentinel) return undefined;
    return withClient(sentinel, this.password, command).catch(() => undefined);
  }
}

function configuration(host: string, port: number, password: string | undefined): string {
  const lines = [
    `sentinel monitor ${MASTER} ${host} ${port} ${QUORUM}`,
    `sentinel down-after-milliseconds ${MASTER} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${MASTER} ${FAILOVER_TIMEOUT_MS}`,
    `sentinel parallel-syncs ${MASTER} 2`,
    ...(password === undefined
      ? []
      : [`sentinel auth-pass ${MASTER} ${password}`, `sentinel sentinel-pass ${password}`]),
  ];
  return `${lines.join('\n')}\n`;
}

async function roleOf(
  server: RedisServer,
  password: string | undefined,
): Promise<{ readonly role: string; readonly replicas: number }> {
  const role = await withClient(server, password, (client) => client.call('ROLE')).catch(() => []);
  const [name, , replicas] = role as unknown[];
  return { role: String(name), replicas: Array.isArray(replicas) ? replicas.length : 0 };
}

/** Opens a connection for one use, without retries, so that a dead server fails fast. */
async function withClient<T>(
  { host, port }: RedisServer,
  password: string | undefined,
  use: (client: Redis) => Promise<T>,
): Promise<T> {
  const client = new Redis({
    host,
    port,
    protocol: 2,
    ...(password !== undefined && { password }),
    enableReadyCheck: false,
    retryStrategy: () => null,
    commandTimeout: 500,
    maxRetriesPerRequest: 0,
  });
  client.on('error', () => undefined);
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}

/** The flags of each instance in a list. An instance is a list of alternating names and values. */
function flagsOf(reply: unknown): string[] {
  return (reply as string[][]).map((fields) => fields[fields.indexOf('flags') + 1] ?? '');
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Timed out after ${DEADLINE_MS} ms, before ${what}.`);
    await wait(POLL_MS);
  }
}
