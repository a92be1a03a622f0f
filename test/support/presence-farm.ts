import type { Subscription } from 'rxjs';
import { type Clock } from '../../lib/bus/clock.js';
import { MemoryNetwork } from '../../lib/bus/memory-network.js';
import type { MemoryTransport } from '../../lib/bus/memory-transport.js';
import { ServerBus } from '../../lib/bus/server-bus.js';
import { Presence } from '../../lib/presence/presence.js';
import { ServerRegistry } from '../../lib/presence/server-registry.js';
import type { PresenceChange } from '../../lib/presence/presence-change.js';
import { ChannelNames } from '../../lib/protocol/channel-names.js';
import { newConnectionId, newServerId } from '../../lib/protocol/connection-id.js';
import { plainDialect } from '../../lib/protocol/dialect.js';
import { jsonProtocol } from '../../lib/protocol/json-protocol.js';
import { LocalConnection } from '../../lib/routing/local-connection.js';
import { Router } from '../../lib/routing/router.js';
import { ManualClock } from './manual-clock.js';

export const PATH = '/chat';
export const GRACE_MS = 5000;
export const SHUTDOWN_GRACE_MS = 15_000;
const channels = new ChannelNames('app');
const SINK = { write: () => undefined, isFull: false, flush: () => undefined, close: () => undefined };

/** A connection whose presence data the test sets. */
export class Member extends LocalConnection {
  data: unknown;

  override presenceData(): unknown {
    return this.data;
  }
}

export interface PresenceFarmOptions {
  readonly limit?: number;
  readonly occupancy?: (group: string, path: string) => boolean;
  /** Whether members have presence data. @default true */
  readonly hasData?: boolean;
}

/** A server of a farm without sockets and Redis, on a clock that the test moves. */
export class PresenceServer {
  readonly transport: MemoryTransport;
  readonly bus: ServerBus;
  readonly router: Router;
  readonly presence: Presence;
  readonly registry: ServerRegistry;

  /** @param hasGateway whether it serves the path */
  constructor(
    network: MemoryNetwork,
    clock: Clock,
    hasGateway: boolean,
    { limit = 1000, occupancy, hasData = true }: PresenceFarmOptions,
  ) {
    this.transport = network.transport();
    this.bus = new ServerBus(newServerId(), channels, this.transport, { publishTimeoutMs: 5000, clock });
    this.router = new Router(this.bus, channels, {
      protocols: [jsonProtocol],
      outage: { policy: 'local' },
      commandTimeoutMs: 5000,
      maxMessageBytes: 2 ** 20,
      unsubscribeDelayMs: 1000,
    });
    if (hasGateway) this.router.roster.open(PATH);
    const times = { graceMs: GRACE_MS, shutdownGraceMs: SHUTDOWN_GRACE_MS };
    const settings = { ...times, limit, hasData, occupancy };
    this.presence = new Presence(this.bus, channels, this.router, settings);
    this.registry = new ServerRegistry(this.bus, channels, this.router, '1.4.2');
  }

  async start(): Promise<this> {
    await this.bus.start((origin, kind, body) => this.router.receive(origin, kind, body));
    this.presence.start();
    return this;
  }

  connect(userId?: string, data?: unknown, path = PATH): Member {
    const member = new Member(
      newConnectionId(this.bus.serverId),
      path,
      userId,
      plainDialect(jsonProtocol),
      SINK,
    );
    member.data = data;
    void this.router.roster.add(member);
    return member;
  }

  join(group: string, userId?: string, data?: unknown): Member {
    const member = this.connect(userId, data);
    void this.router.roster.join(member, group).catch(() => undefined);
    return member;
  }

  /** Shuts down as an app does: clients are disconnected before the goodbye. */
  async shutDown(): Promise<void> {
    this.presence.drain();
    for (const member of [...(this.router.roster.members(PATH)?.all() ?? [])]) this.router.remove(member);
    await this.bus.sayGoodbye();
    this.presence.close();
    this.registry.close();
    this.router.close();
    await this.bus.close();
  }

  /** Ends without a word, as with SIGKILL. */
  async kill(): Promise<void> {
    this.presence.close();
    this.registry.close();
    this.router.close();
    this.bus.close = () => Promise.resolve();
    await this.transport.close();
  }
}

/** What a subscriber of `presence$` knows: folds snapshots and changes, and checks that they fit together. */
export class Follower {
  readonly changes: PresenceChange[] = [];
  readonly members = new Map<string, unknown>();
  readonly mistakes: string[] = [];
  settled = false;

  private readonly subscription: Subscription;

  constructor(server: PresenceServer, group: string, isLocal = false) {
    const changes$ = server.presence.watch({ path: PATH, group }, isLocal);
    this.subscription = changes$.subscribe((change) => this.add(change));
  }

  close(): void {
    this.subscription.unsubscribe();
  }

  private add(change: PresenceChange): void {
    this.changes.push(change);
    this.settled = change.settled;
    if (change.isSnapshot) this.members.clear();
    for (const { key, data } of change.joined) {
      if (this.members.has(key)) this.mistakes.push(`${key} joined twice`);
      this.members.set(key, data);
    }
    for (const { key, data } of change.updated) {
      if (!this.members.has(key)) this.mistakes.push(`${key} was updated but is not there`);
      this.members.set(key, data);
    }
    for (const { key } of change.left)
      if (!this.members.delete(key)) this.mistakes.push(`${key} left but was not there`);
  }

  /** What happened since the snapshot, in order: "+ann", "~ann", "-ann left". */
  get events(): string[] {
    return this.changes
      .filter(({ isSnapshot }) => !isSnapshot)
      .flatMap((change) => [
        ...change.joined.map(({ key }) => `+${key}`),
        ...change.updated.map(({ key }) => `~${key}`),
        ...change.left.map(({ key, cause }) => `-${key} ${cause}`),
      ]);
  }
}

/** Several servers on one clock and one network. */
export class PresenceFarm {
  readonly clock = new ManualClock();
  readonly network = new MemoryNetwork(this.clock);

  constructor(private readonly options: PresenceFarmOptions = {}) {}

  /** Creates a server that has not started. */
  create(hasGateway = true): PresenceServer {
    return new PresenceServer(this.network, this.clock, hasGateway, this.options);
  }

  /** Starts a server and lets it get to know the others. */
  async server({ hasGateway = true } = {}): Promise<PresenceServer> {
    const server = await this.create(hasGateway).start();
    await this.pass(2000);
    return server;
  }

  async pass(ms: number, stepMs = 50): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advance(stepMs);
      await this.turns();
    }
  }

  /** Lets messages in flight arrive, and the messages that they cause. */
  async turns(count = 6): Promise<void> {
    for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}
