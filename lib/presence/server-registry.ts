import { hostname } from 'node:os';
import { Subject, type Subscription } from 'rxjs';
import type { Bus, PeerChange } from '../bus/bus.js';
import type { ChannelNames } from '../protocol/channel-names.js';
import { RecordKind } from '../protocol/record-kind.js';
import { decodeCard, encodeCard, type ServerCard } from '../protocol/server-card.js';
import type { Router } from '../routing/router.js';
import type { ServerChange, ServerInfo } from './server-info.js';

/** A server publishes its card with every fifth heartbeat, so at least this often, in heartbeats. */
const BEATS_PER_CARD = 5;
/**
 * How long the card of a server is kept that does not count as alive, in milliseconds. In sharded mode it may arrive before
 * the server is heard on all partitions, which takes about a second.
 */
const KEPT_MS = 10_000;

interface HeardCard extends ServerCard {
  readonly heardAt: number;
  readonly startedAt: Date;
}

/** The servers of the farm. Tells the others about this one, and keeps what they told. */
export class ServerRegistry {
  /** Whether this server is ready for clients. */
  isReady = false;
  private readonly cards = new Map<string, HeardCard>();
  private readonly changes = new Subject<ServerChange>();
  private readonly startedAt: Date;
  private readonly start: number;
  private readonly hostname = hostname();
  /** With how many more heartbeats the next card is due. The first heartbeat has one. */
  private dueIn = 1;
  private saidReady = false;
  /** The largest delay since the last card, and the one in that card. */
  private delayMs = 0;
  private saidDelayMs = 0;
  private readonly subscriptions: readonly Subscription[];

  /** Emits changes of other servers. Completes on `close`. */
  readonly changes$ = this.changes.asObservable();

  constructor(
    private readonly bus: Bus,
    private readonly channels: ChannelNames,
    private readonly router: Router,
    private readonly appVersion: string | undefined,
  ) {
    this.start = bus.clock.now();
    this.startedAt = new Date(bus.clock.date());
    router.on(RecordKind.Card, (body, origin) => this.heard(origin, decodeCard(body)));
    this.subscriptions = [
      bus.beats$.subscribe(({ timerDelayMs }) => this.beat(timerDelayMs)),
      bus.peers.changes$.subscribe((change) => {
        // A server that has just become known may not know this one.
        if (change.change === 'joined' || change.change === 'returned') this.dueIn = 1;
        // Its card, in the same envelope, is read after this.
        queueMicrotask(() => this.changed(change));
      }),
    ];
  }

  /** This server and those that count as alive, sorted by id. */
  get servers(): ServerInfo[] {
    const others = [...this.bus.peers.alive].map((serverId) => this.infoOf(serverId));
    return [this.self, ...others].toSorted((a, b) => (a.serverId < b.serverId ? -1 : 1));
  }

  close(): void {
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    this.changes.complete();
  }

  /** A heartbeat is about to leave. A card that is published now shares its envelope. */
  private beat(timerDelayMs: number): void {
    this.delayMs = Math.max(this.delayMs, timerDelayMs);
    if (--this.dueIn > 0 && this.isReady === this.saidReady) return;
    this.dueIn = BEATS_PER_CARD;
    this.saidReady = this.isReady;
    const card = encodeCard(this.card());
    this.saidDelayMs = this.delayMs;
    this.delayMs = 0;
    // Nobody heard it, so the next heartbeat has one too. The failure itself is reported for the heartbeat.
    this.bus.publish([this.channels.servers], card).catch(() => (this.dueIn = 1));
    this.sweep();
  }

  private heard(serverId: string, card: ServerCard): void {
    const { clock } = this.bus;
    const { startedAt = new Date(clock.date() - card.ageMs) } = this.cards.get(serverId) ?? {};
    this.cards.set(serverId, { ...card, heardAt: clock.now(), startedAt });
  }

  private changed({ serverId, change }: PeerChange): void {
    const server = this.infoOf(serverId);
    if (change === 'goodbye') this.cards.delete(serverId);
    this.changes.next(
      change === 'goodbye' || change === 'silent'
        ? { type: 'left', reason: change, server }
        : { type: change, server },
    );
  }

  /** Removes the cards of servers that left. One that is silent may return, and then describes itself only a second later. */
  private sweep(): void {
    const { alive, silent } = this.bus.peers;
    const limit = this.bus.clock.now() - KEPT_MS;
    for (const [serverId, { heardAt }] of this.cards)
      if (heardAt < limit && !alive.has(serverId) && !silent.has(serverId)) this.cards.delete(serverId);
  }

  private card(): ServerCard {
    const { roster } = this.router;
    const paths = roster.paths.map((path) => [path, roster.members(path)?.size ?? 0] as const);
    return {
      hostname: this.hostname,
      pid: process.pid,
      appVersion: this.appVersion,
      ageMs: this.bus.clock.now() - this.start,
      isReady: this.isReady,
      eventLoopDelayMs: this.delayMs,
      connections: paths.reduce((sum, [, connections]) => sum + connections, 0),
      paths,
    };
  }

  private get self(): ServerInfo {
    const eventLoopDelayMs = Math.max(this.delayMs, this.saidDelayMs);
    const card = { ...this.card(), startedAt: this.startedAt, eventLoopDelayMs };
    return toInfo(this.bus.serverId, true, card);
  }

  private infoOf(serverId: string): ServerInfo {
    return toInfo(serverId, false, this.cards.get(serverId));
  }
}

function toInfo(
  serverId: string,
  isSelf: boolean,
  card: (ServerCard & Pick<HeardCard, 'startedAt'>) | undefined,
): ServerInfo {
  return {
    serverId,
    isSelf,
    hostname: card?.hostname,
    pid: card?.pid,
    appVersion: card?.appVersion,
    startedAt: card?.startedAt,
    connections: card?.connections,
    connectionsByPath: card && Object.fromEntries(card.paths),
    isReady: card?.isReady,
    eventLoopDelayMs: card && Math.round(card.eventLoopDelayMs),
  };
}
