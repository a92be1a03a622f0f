import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { RedisCluster } from '../support/redis-cluster.js';
import type { RedisSentinel } from '../support/redis-sentinel.js';
import type { RedisServer } from '../support/redis-server.js';
import { BenchClient } from './bench-client.js';
import { BenchServer } from './bench-server.js';
import { now } from './clock.js';
import type { Check, Emit, Facts, Mark, Standstill } from './facts.js';
import { FarmRedis, userOf, type Wiring } from './farm-redis.js';
import type { ConnectionTarget, LoadPlan } from './load.js';
import { factsOf } from './merge-facts.js';
import type { Policy, ServerSettings } from './messages.js';
import { Proxy } from './proxy.js';
import type { Mechanism } from './switched-off.js';
import { groupsOf, mixOf, RESTLESS_GROUP, userIdOf } from './traffic.js';

export const SERVERS = [0, 1, 2] as const;
export const PREFIX = 'bench';
const RESTLESS_MS = 300;
/** If no client received anything for this long, no message is in flight. */
const QUIET_MS = 3000;
const HALT_DEADLINE_MS = 20_000;
const SETTLE_DEADLINE_MS = 10_000;
const POLL_MS = 20;

export interface FarmOptions {
  readonly clientsPerServer: number;
  /** Emits per second, summed over all servers. */
  readonly rate: number;
  readonly wiring: Wiring;
  /** Whether Redis is down when the servers start. */
  readonly absent: boolean;
  readonly without: readonly Mechanism[];
  /** The servers' outage policy. */
  readonly policy: Policy;
}

/** Three server processes, their clients and their Redis. */
export class Farm {
  readonly servers: BenchServer[] = [];
  readonly clients: BenchClient[] = [];
  /** One proxy per server, followed by one for each subscriber link that has its own. */
  readonly proxies: Proxy[] = [];
  marks: Mark[] = [];
  checks: Check[] = [];
  unreadable: Pick<Emit, 'call' | 'settle'>[] = [];
  standstills: Standstill[] = [];
  readonly startedAt = now();
  absence: Facts['absence'];
  private restless: Promise<void>[] = [];
  private loadedAt = 0;
  private halting = false;
  private plan: LoadPlan = { rate: 0, targets: [] };

  private constructor(
    readonly options: FarmOptions,
    private readonly nodes: FarmRedis,
  ) {}

  static async start(options: FarmOptions): Promise<Farm> {
    const farm = new Farm(options, await FarmRedis.start(options.wiring));
    try {
      await farm.open();
    } catch (error) {
      await farm.end();
      throw error;
    }
    return farm;
  }

  get redis(): RedisServer {
    return this.nodes.server;
  }

  get spare(): RedisServer | undefined {
    return this.nodes.spare;
  }

  get sentinel(): RedisSentinel {
    return this.nodes.sentinel;
  }

  get cluster(): RedisCluster {
    return this.nodes.cluster;
  }

  get all(): number[] {
    return [...SERVERS];
  }

  /** The servers whose process is running. */
  get alive(): BenchServer[] {
    return this.servers.filter((server) => !server.hasExited);
  }

  server(index: number): BenchServer {
    return at(this.servers, index);
  }

  proxy(index: number): Proxy {
    return at(this.proxies, index);
  }

  channel(rest: string): string {
    return `${PREFIX}:${rest}`;
  }

  mark(what: Mark['what'], servers: readonly number[] = this.all): void {
    this.marks.push({ what, servers, at: now() });
  }

  check(name: string, passed: boolean): void {
    this.checks.push({ name, passed });
  }

  /** Runs a function with its own connection to Redis. */
  async admin<T>(use: (redis: Redis) => Promise<T>, port = this.redis.port): Promise<T> {
    const redis = new Redis({ port, protocol: 2, retryStrategy: () => null, maxRetriesPerRequest: 0 });
    redis.on('error', () => undefined);
    try {
      return await use(redis);
    } finally {
      redis.disconnect();
    }
  }

  /** Starts a server in addition to the three. */
  extraServer(settings: Partial<ServerSettings>): BenchServer {
    const server = new BenchServer({ ...this.settings(SERVERS.length), ...settings });
    server.mayExit = true;
    this.servers.push(server);
    return server;
  }

  /** The last status that a server reported. */
  standingOf(index: number): { readonly state: string; readonly peers: number } | undefined {
    return this.server(index)
      .facts.flatMap(({ standings }) => standings)
      .at(-1);
  }

  /** Polls until `holds` returns true or the deadline passes. Resolves with whether it held. */
  async until(holds: () => boolean, deadlineMs: number): Promise<boolean> {
    const deadline = now() + deadlineMs;
    while (!holds()) {
      if (now() > deadline) return false;
      await wait(POLL_MS);
    }
    return true;
  }

  untilReady(deadlineMs: number): Promise<boolean> {
    const ready = ({ settings: { index } }: BenchServer): boolean =>
      this.standingOf(index)?.state === 'ready';
    return this.until(() => this.alive.every(ready), deadlineMs);
  }

  /** Waits for the effects of an earlier fault: sentinels demote a returning primary only seconds later. */
  async settled(): Promise<void> {
    if (this.options.wiring !== 'sentinel') return;
    await this.sentinel.settled();
    await this.untilReady(SETTLE_DEADLINE_MS);
  }

  /** Lets every client join its groups. */
  async join(): Promise<void> {
    await Promise.all(
      this.clients.flatMap((client, index) => groupsOf(index).map((group) => client.join(group))),
    );
  }

  /** Starts the load and a new run. */
  load(): void {
    [this.marks, this.checks, this.unreadable, this.standstills, this.restless] = [[], [], [], [], []];
    this.halting = false;
    this.loadedAt = now();
    for (const client of this.clients) client.forget();
    const connections = this.clients.map(({ connectionId: id }, client): ConnectionTarget => ({
      kind: 'connection',
      client,
      id,
    }));
    const targets = [...mixOf(this.options.clientsPerServer), ...connections.slice(0, 4)];
    this.plan = { rate: this.options.rate / SERVERS.length, targets };
    for (const server of this.servers) this.loadOn(server);
    for (const client of this.clients.slice(0, SERVERS.length)) {
      this.roam(client, () => RESTLESS_GROUP, RESTLESS_MS);
    }
  }

  /** Makes a server emit its share of the load. */
  loadOn(server: BenchServer): void {
    server.order({ order: 'load', plan: this.plan });
  }

  /** Lets a client join and leave groups until the load ends. */
  roam(client: BenchClient, group: () => string, pauseMs: number): void {
    const roaming = async (): Promise<void> => {
      while (!this.halting && client.isOpen) {
        const name = group();
        if (await client.join(name)) {
          await wait(pauseMs * (0.5 + Math.random()));
          await client.leave(name);
        }
        await wait(pauseMs * Math.random());
      }
    };
    this.restless.push(roaming());
  }

  /** Ends the load. Resolves once every emitted message has arrived or counts as lost. */
  async halt(): Promise<void> {
    this.halting = true;
    await Promise.all(this.restless);
    const { alive } = this;
    for (const server of alive) server.order({ order: 'halt' });
    const clients = this.clients.filter(({ isOpen }) => isOpen);
    const over = (client: BenchClient): boolean =>
      alive.every(({ settings }) => client.hasHeardTheLastOf(settings.index));
    const quiet = (): boolean => clients.every(({ arrivedAt }) => now() - arrivedAt > QUIET_MS);
    await this.until(() => clients.every(over) || quiet(), HALT_DEADLINE_MS);
    await Promise.all(alive.map((server) => server.tell()));
  }

  facts(begin: number, end: number): Facts {
    return factsOf(this, { begin, end, targets: this.plan.targets, since: this.loadedAt });
  }

  async end(): Promise<void> {
    this.halting = true;
    for (const client of this.clients) client.end();
    await Promise.all(this.servers.map((server) => server.end()));
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
    await this.nodes.stop();
  }

  async openClient(server: number): Promise<BenchClient> {
    const user = userIdOf(this.clients.length);
    const query = `client=${this.clients.length}&user=${user}`;
    const url = `ws://127.0.0.1:${this.server(server).port}/fault?${query}`;
    const client = await BenchClient.open(url, { server, user });
    this.clients.push(client);
    return client;
  }

  private async open(): Promise<void> {
    if (this.options.absent) await this.redis.kill();
    const ports = this.spare ? await this.openProxies() : [];
    for (const index of SERVERS) {
      const port = ports[index];
      this.servers.push(new BenchServer(this.settings(index, port, ports[SERVERS.length + index] ?? port)));
    }
    await Promise.all(this.servers.map((server) => server.listening()));
    if (!this.options.absent && !(await this.untilReady(10_000)))
      throw new Error('The servers did not become ready within 10 s.');
    for (let client = 0; client < this.options.clientsPerServer * SERVERS.length; client++)
      await this.openClient(client % SERVERS.length);
    await this.join();
  }

  private async openProxies(): Promise<number[]> {
    while (this.proxies.length < SERVERS.length) this.proxies.push(await Proxy.open(this.redis.port));
    // Only the last server's subscriber link leads to the replica.
    if (this.options.wiring === 'links' && this.spare) {
      const ports = this.proxies.map(({ port }) => port);
      this.proxies.push(await Proxy.open(this.spare.port));
      return [...ports, at(ports, 0), at(ports, 1), at(this.proxies, SERVERS.length).port];
    }
    return this.proxies.map(({ port }) => port);
  }

  private settings(
    index: number,
    publisherPort = this.redis.port,
    subscriberPort = this.redis.port,
  ): ServerSettings {
    return {
      index,
      prefix: PREFIX,
      connection: this.nodes.connection(userOf(index), publisherPort),
      publisherPort,
      subscriberPort,
      abortConnect: false,
      policy: this.options.policy,
      without: this.options.without,
      release: 'this',
    };
  }
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new Error(`No item with index ${index}: there are ${items.length}.`);
  return item;
}
