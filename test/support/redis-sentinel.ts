import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from './redis-server.js';
import { type tlsOptions, tlsPortOf } from './redis-tls.js';

export const MASTER = 'mymaster';
const QUORUM = 2;
const DOWN_AFTER_MS = 1000;
/**
 * A sentinel asks a replica only once a second whether it has been promoted. It abandons a failover that takes longer
 * than this, after the promotion, and another one follows after twice this time.
 */
const FAILOVER_TIMEOUT_MS = 3000;
const LOOK_MS = 20;
/**
 * Sentinels that take a replica for the primary, as they do now and then after failovers in quick succession, see their
 * mistake after two of their looks at it, which are ten seconds apart, and then need another failover.
 */
const DEADLINE_MS = 60_000;
/** Sentinels tell each other what they know every two seconds. */
const AGREED_MS = 2500;

type PortOf = (server: { readonly port: number }) => number;

export interface SentinelOptions {
  /** More arguments for the primary and its replicas. */
  args?: readonly string[];
  /** Of the servers, and of the sentinels. */
  password?: string;
  /** With it all of them speak TLS with each other and with clients, and without TLS only with the test. */
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
    // By default a master lets a replica wait five seconds for others to copy it together.
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
      // A sentinel looks for replicas when it starts, and then every ten seconds.
      await until(async () => (await roleOf(primary, password)).replicas === 2, 'the replicas are attached');
      const config = configuration(primary.host, portOf(primary), password);
      const sentinels = await Promise.all(nodes.map(() => start(secret.slice(0, 2), config)));
      const farm = new RedisSentinel(nodes, sentinels, password, portOf);
      await until(() => farm.isComplete(), 'the sentinels know each other');
      return farm;
    } catch (error) {
      await Promise.all(servers.map((server) => server.stop()));
      throw error;
    }
  }

  get hosts(): string {
    return this.sentinels.map((sentinel) => `${sentinel.host}:${this.portOf(sentinel)}`).join(',');
  }

  /** For clients without a password. */
  get url(): string {
    return `redis+sentinel://${this.hosts}/${MASTER}`;
  }

  /** The server that a sentinel names. On a busy machine a sentinel needs a while to name one. */
  async primary(): Promise<RedisServer> {
    const found: RedisServer[] = [];
    await until(async () => {
      const named = await Promise.all(this.sentinels.map((sentinel) => this.named(sentinel)));
      found.push(...this.nodes.filter((each) => named.includes(this.portOf(each))));
      return found.length > 0;
    }, 'a sentinel names a primary');
    const [primary] = found;
    if (!primary) throw new Error('No sentinel names a primary.');
    return primary;
  }

  /**
   * Orders a failover, and again when a sentinel abandons it, as it does for a while after it has lost sight of a replica.
   * Resolves when a sentinel names another primary.
   */
  async failover(): Promise<void> {
    const [sentinel] = this.sentinels;
    if (!sentinel) return;
    const before = await this.named(sentinel);
    let orderedAt = -Infinity;
    await until(async () => {
      if ((await this.named(sentinel)) !== before) return true;
      // While one is under way another one would be refused; just after it, it would come on top.
      if (performance.now() - orderedAt < FAILOVER_TIMEOUT_MS) return false;
      const reply = await this.ask(sentinel, (client) => client.call('SENTINEL', 'FAILOVER', MASTER));
      if (reply === 'OK') orderedAt = performance.now();
      return false;
    }, 'an ordered failover is done');
  }

  /** Resolves as soon as a sentinel names another one than this, and that one serves as the primary. */
  async promoted(before: RedisServer): Promise<RedisServer> {
    let after: RedisServer | undefined;
    await until(async () => {
      const named = await Promise.all(this.sentinels.map((sentinel) => this.named(sentinel)));
      after = this.nodes.find((node) => node !== before && named.includes(this.portOf(node)));
      return after !== undefined && (await roleOf(after, this.password)).role === 'master';
    }, 'another one is promoted');
    return after ?? before;
  }

  /** Resolves when a server that came back has become a replica. */
  demoted(server: RedisServer): Promise<void> {
    return until(async () => (await roleOf(server, this.password)).role === 'slave', 'it is demoted');
  }

  /**
   * Resolves when another failover may begin: every server but the primary is a replica of it, and all sentinels agree, and
   * have done so for longer than one of them can keep news to itself.
   */
  settled(): Promise<void> {
    let since: number | undefined;
    return until(async () => {
      since = (await this.isWell()) ? (since ?? performance.now()) : undefined;
      return since !== undefined && performance.now() - since >= AGREED_MS;
    }, 'all is well again');
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

  /** Each sentinel knows both replicas and both other sentinels, and takes all of them for healthy. */
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

  /** `undefined` where it does not answer, or refuses. */
  private async ask<T>(
    sentinel: RedisServer | undefined,
    question: (client: Redis) => Promise<T>,
  ): Promise<T | undefined> {
    if (!sentinel) return undefined;
    return withClient(sentinel, this.password, question).catch(() => undefined);
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

/** One connection for one question: where nobody answers, nobody is waited for. */
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

/** Of a list of instances, each of them names and values in turn. */
function flagsOf(reply: unknown): string[] {
  return (reply as string[][]).map((fields) => fields[fields.indexOf('flags') + 1] ?? '');
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`It takes too long until ${what}.`);
    await wait(LOOK_MS);
  }
}
