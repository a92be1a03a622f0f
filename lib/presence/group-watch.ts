import { crc32 } from 'node:zlib';
import type { Bus } from '../bus/bus.js';
import { Deferred } from '../bus/deferred.js';
import { Capability } from '../protocol/capabilities.js';
import type { MemberRow } from '../protocol/member-records.js';
import {
  decodeRowsPart,
  encodeLease,
  encodeTopic,
  type PresenceDiff,
  type PresenceTopic,
} from '../protocol/presence-records.js';
import { QueryKind } from '../protocol/query-record.js';
import type { Queries } from '../routing/queries.js';
import type { Roster } from '../routing/roster.js';
import { newOrigin, type Origin } from './origin.js';
import { OwnRows } from './own-rows.js';
import type { PresenceJoin } from './presence-change.js';
import { PresenceView, type PresenceViewOptions } from './presence-view.js';
import type { Publications } from './publications.js';

/**
 * How often a lease is renewed, in milliseconds: three renewals may be lost before it ends. A server whose first member
 * joins learns of the watch from the next renewal.
 */
const RENEW_MS = 2500;
/** How often a server is asked for its rows until it answers, in milliseconds. So views are complete soon after an outage. */
const REPEAT_MS = 500;
/** The pause after a request that failed, in milliseconds. */
const RETRY_MS = 250;
/** A new subscriber gets its snapshot after this time, in milliseconds, even if servers have not answered. */
const START_MS = 3000;
/** "All servers" are those that were heard within one heartbeat. */
const FARM_VIEW_MS = 1000;
/** The limit for changes that wait for the rows they apply to. Beyond it, the rows are requested again. */
const MAX_WAITING = 1000;

export interface GroupWatchContext {
  readonly bus: Bus;
  readonly queries: Queries;
  readonly roster: Roster;
  readonly publications: Publications;
  readonly view: PresenceViewOptions;
}

/** Keeps the view of one watched group in step with the rows of all servers. */
export class GroupWatch {
  readonly view: PresenceView;
  readonly channel: string;
  /** Identifies the topic in digests. */
  readonly digestKey: number;
  /** Resolves when the view is complete for the first time, or after some seconds. */
  readonly started = new Deferred();
  private readonly own: OwnRows;
  private readonly origins = new Map<string, Origin>();
  private readonly cleanups: (() => void)[] = [];
  private readonly closed = new AbortController();
  private isHearing = false;
  /** Whether this server has heard everybody since it began to hear. */
  private knowsFarm = false;
  /** Whether somebody who is not in the view is certainly not in the group. */
  private isComplete = false;
  /** When other servers last announced that they watch the group. */
  private readonly leases = new Map<string, number>();

  constructor(
    private readonly context: GroupWatchContext,
    private readonly topic: PresenceTopic,
  ) {
    const { publications } = context;
    this.channel = publications.channelOf(topic);
    this.digestKey = crc32(publications.keyOf(topic));
    this.view = new PresenceView(context.bus.clock, context.view, () => this.isComplete);
    const { serverId } = context.bus;
    this.own = new OwnRows(publications, topic, {
      put: (row) => this.put(serverId, row, 'joined'),
      change: (diff) => this.change(serverId, diff),
    });
    this.start();
  }

  /** Another server's change. */
  receive(server: string, diff: PresenceDiff): void {
    const origin = this.originOf(server);
    if (!origin) return;
    if (origin.version === undefined) {
      origin.waiting.push(diff);
      if (origin.waiting.length > MAX_WAITING) origin.waiting = [];
      return;
    }
    if (diff.from !== origin.version) return this.resync(server, origin);
    this.apply(server, origin, diff);
  }

  /** Another server says which version its rows have, or in which turn it says so of other groups. */
  compare(server: string, version: number | undefined): void {
    const origin = this.originOf(server);
    if (!origin || version === undefined) return;
    if (origin.version === undefined || origin.version === version) {
      origin.doubted = undefined;
      return;
    }
    // In sharded mode a digest may overtake a change, but not by a second.
    if (origin.doubted === version) this.resync(server, origin);
    else origin.doubted = version;
  }

  /** Another server watches the group too. */
  leased(server: string): void {
    this.leases.set(server, this.context.bus.clock.now());
  }

  /** Changes on the group's channel may have been missed: those of one server, or of all. */
  missed(server: string | undefined): void {
    for (const [id, origin] of this.origins)
      if (server === undefined || id === server) this.resync(id, origin);
  }

  joined(server: string, cause: PresenceJoin['cause']): void {
    const known = this.origins.get(server);
    const origin = known ?? this.originOf(server);
    if (!origin) return;
    origin.cause = cause;
    if (known) this.resync(server, known);
  }

  lost(server: string, cause: 'serverLeft' | 'serverLost'): void {
    this.origins.delete(server);
    this.view.removeServer(server, cause);
    this.judge();
  }

  close(): void {
    this.closed.abort();
    for (const cleanup of this.cleanups) cleanup();
    this.started.resolve();
    this.view.close();
  }

  private start(): void {
    const { bus, roster } = this.context;
    const { path, group } = this.topic;
    void this.own.loaded.then(() => this.judge());
    this.cleanups.push(() => this.own.close());
    if (group !== '') {
      roster.watch(path, group).catch(() => undefined);
      this.cleanups.push(() => roster.unwatch(path, group));
    }
    this.cleanups.push(bus.clock.every(RENEW_MS, () => this.renew()));
    for (const server of bus.peers.alive) this.originOf(server);
    const status = bus.status$.subscribe(({ state }) => this.hear(state === 'ready' || state === 'degraded'));
    this.cleanups.push(() => status.unsubscribe());
    this.cleanups.push(bus.clock.after(START_MS, () => this.started.resolve()));
  }

  private hear(isHearing: boolean): void {
    if (this.isHearing === isHearing) return;
    this.isHearing = isHearing;
    this.knowsFarm = false;
    if (isHearing) {
      this.missed(undefined);
      void this.learnFarm();
    }
    this.judge();
  }

  private async learnFarm(): Promise<void> {
    await this.context.bus.peers.whenHeardFor(FARM_VIEW_MS, this.closed.signal);
    this.knowsFarm = this.isHearing;
    this.judge();
  }

  /** `undefined` for a server that is not alive: its last messages may arrive after its goodbye. */
  private originOf(server: string): Origin | undefined {
    const known = this.origins.get(server);
    if (known ?? !this.context.bus.peers.alive.has(server)) return known;
    const origin = newOrigin();
    this.origins.set(server, origin);
    void this.sync(server, origin);
    return origin;
  }

  /** The rows of a server are no longer known for certain. They stay in the view until the new ones have arrived. */
  private resync(server: string, origin: Origin): void {
    origin.version = undefined;
    origin.epoch++;
    origin.waiting = [];
    origin.doubted = undefined;
    this.judge();
    void this.sync(server, origin);
  }

  private async sync(server: string, origin: Origin): Promise<void> {
    if (origin.isAsked) return;
    origin.isAsked = true;
    while (this.isWanted(server, origin) && origin.version === undefined) {
      const isDone = await this.request(server, origin).catch(() => false);
      if (!isDone) await new Promise<void>((resolve) => this.context.bus.clock.after(RETRY_MS, resolve));
    }
    origin.isAsked = false;
    this.judge();
  }

  /** Whether the rows of this server belong into the view and can be requested now. */
  private isWanted(server: string, origin: Origin): boolean {
    return !this.closed.signal.aborted && this.isHearing && this.origins.get(server) === origin;
  }

  /** @returns whether the server's rows are in the view now */
  private async request(server: string, origin: Origin): Promise<boolean> {
    if (!this.answers(server)) return false;
    const { epoch } = origin;
    const { parts } = await this.context.queries.ask({
      kind: QueryKind.Rows,
      body: encodeTopic(this.topic),
      to: new Set([server]),
      decode: decodeRowsPart,
      repeatMs: REPEAT_MS,
    });
    const answer = parts.get(server);
    const [first] = answer ?? [];
    if (!answer || !first) return false;
    const ids = new Set<string>();
    for (const { rows } of answer) {
      if (!this.isWanted(server, origin) || origin.epoch !== epoch) return false;
      for (const row of rows) {
        ids.add(row.id);
        this.put(server, row, origin.cause);
      }
      await nextTurn();
    }
    if (!this.isWanted(server, origin) || origin.epoch !== epoch) return false;
    this.view.keepOnly(server, ids);
    origin.version = first.version;
    origin.cause = 'joined';
    this.catchUp(server, origin);
    return true;
  }

  /** Applies the changes that arrived while the rows were under way. */
  private catchUp(server: string, origin: Origin): void {
    const { waiting } = origin;
    origin.waiting = [];
    for (const diff of waiting) if (diff.version > (origin.version ?? Infinity)) this.receive(server, diff);
  }

  private apply(server: string, origin: Origin, diff: PresenceDiff): void {
    origin.version = diff.version;
    this.change(server, diff);
  }

  private change(server: string, { rows, gone }: PresenceDiff): void {
    for (const row of rows) this.put(server, row, 'joined');
    for (const { id, cause } of gone) this.view.remove(server, id, cause);
  }

  private put(server: string, { id, userId, data }: MemberRow, cause: PresenceJoin['cause']): void {
    this.view.put({ server, id, userId, data }, cause);
  }

  /** Whether the server's release knows queries. The members of others stay unknown, so the view never settles. */
  private answers(server: string): boolean {
    return this.context.bus.peers.can(server, Capability.Queries);
  }

  private judge(): void {
    const unknown = [...this.origins].filter(([, { version }]) => version === undefined);
    const hears = this.isHearing && this.knowsFarm && this.own.isLoaded;
    this.isComplete = hears && unknown.every(([server]) => !this.answers(server));
    const isSettled = hears && unknown.length === 0;
    this.view.settle(isSettled);
    if (isSettled) this.started.resolve();
  }

  /** Two renewals are enough, however many servers watch. One is not, because it does not reach the server that sends it. */
  private renew(): void {
    const { bus } = this.context;
    const since = bus.clock.now() - RENEW_MS;
    for (const [server, time] of this.leases) if (time < since) this.leases.delete(server);
    if (!this.isHearing || this.leases.size >= 2) return;
    bus.publish([this.channel], encodeLease(this.topic)).catch(() => undefined);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
