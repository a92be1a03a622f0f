import { Subject } from 'rxjs';
import { FIRST_CAPABILITIES } from '../protocol/capabilities.js';
import type { PeerChange, PeerView } from './bus.js';
import { HEARTBEAT_MS } from './hearing.js';
import { lostServers } from './lost-servers.js';
import { type Gap, type Move, missedWhileMoving, type Silence } from './moves.js';
import { PeerClock } from './peer-clock.js';

/**
 * A server counts as dead after this much silence: four heartbeats. Not an option, because it must be the same on all servers
 * of a farm: during a rolling update, some would otherwise wait for replies of a server that others have given up.
 */
export const DEAD_AFTER_MS = 4000;
/** How long a dead server is listed in `silent`. */
const SILENT_MS = 60_000;
/** How long the last number of a dead server is kept, so that its messages are not accepted twice if it returns. */
const FORGOTTEN_AFTER_MS = 10 * 60_000;
/** A number that is this far ahead of the last one is forged or damaged, because no server publishes that fast. */
const MAX_JUMP = 1_000_000_000;

interface Peer {
  readonly clock: PeerClock;
  lastNumber: number;
  /** Whether it has said goodbye. */
  left: boolean;
  heardAt: number;
  /** How long ago it may have sent the message that was heard last, when that arrived. */
  lagMs: number;
  /** `heardAt` plus the time for which this process was stalled since then. */
  excusedAt: number;
  /** The last heartbeat; `undefined` before the first one. */
  beat: HeardBeat | undefined;
  /** Spans all silences of more than one heartbeat since `beat`: from the start of the first to the end of the last. */
  pause: Silence | undefined;
  /** How long the peer's slowest recent publish took, in milliseconds. */
  publishMs: number;
  /** This server's subscriber link on which it was last heard. */
  link: number;
  capabilities: number;
}

interface HeardBeat {
  readonly number: number;
  /** How often the peer's publisher link had moved to another Redis node. */
  readonly moves: number;
  readonly heardAt: number;
  readonly lagMs: number;
  /** This server's subscriber link on which it was heard. */
  readonly link: number;
}

/** The content of a heartbeat, with times on this server's clock. */
export interface Beat {
  readonly number: number;
  /** The uptime of the process that sent it, in milliseconds. */
  readonly ageMs: number;
  /** How long the sender's slowest recent publish took, in milliseconds. */
  readonly publishMs: number;
  readonly move: Move;
  readonly capabilities: number;
}

/** Tracks the other servers: which ones are alive, and what was last heard from each. */
export class Peers implements PeerView {
  private readonly known = new Map<string, Peer>();
  private readonly living = new Set<string>();
  private readonly changes = new Subject<PeerChange>();
  private readonly waiters = new Set<{ readonly ms: number; readonly end: () => void }>();
  private closed = false;
  private listeningSince: number | undefined;
  /** The number of this server's current subscriber link, counted from 1. */
  private link = 0;
  /** When the previous subscriber link was lost. */
  private lostAt = 0;
  /** Since when this server hears itself on the current link; `undefined` while it does not. */
  private hearsSince: number | undefined;

  constructor(private readonly now: () => number) {}
  /** Servers that timed out, with the time at which that was noticed. */
  private readonly silentSince = new Map<string, number>();

  readonly changes$ = this.changes.asObservable();
  readonly lost$ = lostServers(this.changes$);

  get alive(): ReadonlySet<string> {
    return this.living;
  }

  get silent(): ReadonlySet<string> {
    return new Set(this.silentSince.keys());
  }

  can(serverId: string, capability: number): boolean {
    const { capabilities = FIRST_CAPABILITIES } = this.known.get(serverId) ?? {};
    return (capabilities & capability) === capability;
  }

  /** How long the slowest recent publish of any peer took, in milliseconds. */
  get publishMs(): number {
    let slowest = 0;
    for (const { publishMs } of this.known.values()) slowest = Math.max(slowest, publishMs);
    return slowest;
  }

  whenHeardFor(ms: number, signal?: AbortSignal): Promise<void> {
    if (this.closed || signal?.aborted || this.hasHeardFor(ms)) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        this.waiters.delete(waiter);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const waiter = { ms, end };
      this.waiters.add(waiter);
      signal?.addEventListener('abort', end);
    });
  }

  /**
   * Records that an envelope of this server arrived. Returns whether its number is newer than the last one.
   *
   * @param lagMs how long ago it may have been sent
   */
  heard(serverId: string, number: number, lagMs: number): 'new' | 'old' | 'impossible' {
    const now = this.now();
    const peer = this.known.get(serverId);
    if (!peer) {
      this.living.add(serverId);
      this.known.set(serverId, {
        clock: new PeerClock(),
        lastNumber: number,
        left: false,
        heardAt: now,
        lagMs,
        excusedAt: now,
        beat: undefined,
        pause: undefined,
        publishMs: 0,
        link: this.link,
        capabilities: FIRST_CAPABILITIES,
      });
      this.changes.next({ serverId, change: 'joined' });
      return 'new';
    }
    if (number > peer.lastNumber + MAX_JUMP) return 'impossible';
    if (!peer.left && !this.living.has(serverId)) {
      this.living.add(serverId);
      this.changes.next({ serverId, change: 'returned' });
    }
    this.silentSince.delete(serverId);
    peer.link = this.link;
    if (now - peer.heardAt > HEARTBEAT_MS) {
      const { from, lagMs: before } = peer.pause ?? { from: peer.heardAt, lagMs: peer.lagMs };
      peer.pause = { from, to: now, lagMs: before };
    }
    peer.heardAt = now;
    peer.lagMs = lagMs;
    peer.excusedAt = now;
    if (number <= peer.lastNumber) return 'old';
    peer.lastNumber = number;
    return 'new';
  }

  /**
   * Records a heartbeat of this server.
   *
   * @param lagMs how long ago it may have been sent
   * @param travelMs how long a message takes through Redis, even if this process was not stalled
   * @returns the times in which messages of this server may have been missed
   */
  beat(serverId: string, beat: Beat, lagMs: number, travelMs: number): readonly Gap[] {
    const peer = this.known.get(serverId);
    if (!peer) return [];
    const { number, publishMs, move, capabilities } = beat;
    const { beat: last, pause } = peer;
    const now = this.now();
    peer.beat = { number, moves: move.count, heardAt: now, lagMs, link: this.link };
    peer.publishMs = publishMs;
    peer.capabilities = capabilities;
    peer.pause = undefined;
    if (last && number > last.number + 1) {
      const silence = pause ?? { from: last.heardAt, to: now, lagMs: last.lagMs };
      // The lag of the message before the silence, because this process may have been stalled since.
      return [{ from: silence.from - Math.max(silence.lagMs, travelMs), to: silence.to }];
    }
    const missed = last ? this.missedByMoves(last, move) : this.missedBeforeFirst(beat);
    return missed.map(({ from, to }) => ({ from: from - lagMs, to }));
  }

  /** When a heartbeat was sent, on this server's clock; `undefined` while too few heartbeats were compared. */
  sentAt(serverId: string, sentAt: number): number | undefined {
    return this.known.get(serverId)?.clock.heard(sentAt, this.now());
  }

  /** The server said goodbye. Its messages are still delivered, but nobody waits for its replies. */
  left(serverId: string): void {
    const peer = this.known.get(serverId);
    if (peer) peer.left = true;
    this.dead(serverId, 'goodbye');
  }

  /** The subscriber link is up. */
  connected(): void {
    this.link++;
  }

  /**
   * The subscriber link is down.
   *
   * @returns the live servers that were never heard on this link while this server heard itself, with that time. The link
   * may have led to another Redis than theirs. If that lasted less than a second, their heartbeat numbers do not show it.
   */
  disconnected(): readonly (Gap & { readonly origin: string })[] {
    const from = this.hearsSince;
    const to = this.now();
    this.hearsSince = undefined;
    this.lostAt = to;
    if (from === undefined) return [];
    const unheard = [...this.known].filter(
      ([origin, { link }]) => this.living.has(origin) && link !== this.link,
    );
    return unheard.map(([origin]) => ({ origin, from, to }));
  }

  /** This server hears itself (again). Every peer gets the full timeout from now on before it counts as dead. */
  listen(): void {
    this.listeningSince = this.now();
    this.hearsSince ??= this.now();
  }

  /** This server is deaf, so a peer's silence proves nothing. */
  deaf(): void {
    this.listeningSince = undefined;
  }

  /** This process was stalled for `ms` milliseconds, so messages of the peers may still be unread. */
  excuse(ms: number): void {
    if (this.listeningSince !== undefined)
      this.listeningSince = Math.min(this.listeningSince + ms, this.now());
    for (const peer of this.known.values()) peer.excusedAt = Math.min(peer.excusedAt + ms, this.now());
  }

  /** @param heardUntil until when this server is proven to have heard everything */
  sweep(heardUntil: number): void {
    if (this.listeningSince === undefined) return;
    const now = this.now();
    for (const [serverId, peer] of this.known) {
      const since = Math.max(peer.excusedAt, this.listeningSince);
      const silent = now - since;
      if (silent > FORGOTTEN_AFTER_MS) this.known.delete(serverId);
      // This server may be the one that has gone deaf, and not know it yet. The peer sends two heartbeats in that time.
      const proven = heardUntil - since > 2 * HEARTBEAT_MS;
      if (silent > DEAD_AFTER_MS && proven && this.living.has(serverId)) {
        this.silentSince.set(serverId, now);
        this.dead(serverId, 'silent');
      }
    }
    for (const [serverId, since] of this.silentSince)
      if (now - since > SILENT_MS) this.silentSince.delete(serverId);
    for (const { ms, end } of this.waiters) if (this.hasHeardFor(ms)) end();
  }

  close(): void {
    this.closed = true;
    this.changes.complete();
    for (const { end } of this.waiters) end();
  }

  /**
   * The first heartbeat heard from a server is not its first one. If the server had been on this Redis, its earlier
   * heartbeats would have been heard. So it was on another Redis, or was silent for so long that it was forgotten.
   */
  private missedBeforeFirst({ number, ageMs, move }: Beat): readonly Gap[] {
    if (this.hearsSince === undefined || number <= 1) return [];
    const now = this.now();
    const from = Math.max(this.hearsSince, now - ageMs);
    if (now - this.hearsSince > DEAD_AFTER_MS) return [{ from, to: now }];
    return move.count > 0 && move.arrivedAt > from ? [{ from, to: move.arrivedAt }] : [];
  }

  private missedByMoves(last: HeardBeat, move: Move): readonly Gap[] {
    if (move.count <= last.moves) return [];
    const together = move.count === last.moves + 1 && this.link === last.link + 1;
    // Its previous heartbeat did not mention this move, so it happened after that one, whatever times it claims.
    const arrivedAt = Math.max(move.arrivedAt, last.heardAt);
    const own = { lostAt: this.lostAt, hearsSince: this.hearsSince };
    if (together) return missedWhileMoving(own, { leftAt: move.leftAt, arrivedAt });
    // If this server kept its link, or either server changed links several times, who was where is unknown.
    return [{ from: last.heardAt, to: this.now() }];
  }

  private dead(serverId: string, change: 'goodbye' | 'silent'): void {
    if (this.living.delete(serverId)) this.changes.next({ serverId, change });
  }

  hasHeardFor(ms: number): boolean {
    return this.listeningSince !== undefined && this.now() - this.listeningSince >= ms;
  }
}
