import { type Observable, Subject } from 'rxjs';
import type { PeerView } from './bus.js';
import { HEARTBEAT_MS } from './hearing.js';
import { type Gap, type Move, missedWhileMoving } from './moves.js';
import { PeerClock } from './peer-clock.js';

/** A server that was silent for so long is dead to the others: four heartbeats. */
export const DEAD_AFTER_MS = 4000;
/** How long a server that fell silent counts as missed rather than gone. */
const SILENT_MS = 60_000;
/** How long a dead server's last number is kept, so that nothing of it is taken twice when it returns. */
const FORGOTTEN_AFTER_MS = 10 * 60_000;
/** No server publishes so much between two messages that are heard of it: such a number is not its own. */
const MAX_JUMP = 1_000_000_000;

interface Peer {
  readonly clock: PeerClock;
  lastNumber: number;
  /** It said goodbye. */
  left: boolean;
  heardAt: number;
  /** As `heardAt`, and later by the time for which this process has stood still since. */
  excusedAt: number;
  /** The last heartbeat, and when and on which of this server's subscriber links it was heard; `undefined` before the first one. */
  beat: HeardBeat | undefined;
  /** From the first to the last silence of more than a heartbeat since `beat`. */
  pause: Gap | undefined;
  /** For how long its slowest publish of late was under way. */
  publishMs: number;
  /** On which of this server's subscriber links it was heard last. */
  link: number;
}

interface HeardBeat {
  readonly number: number;
  /** How often its publisher link had moved to another node. */
  readonly moves: number;
  readonly heardAt: number;
  readonly link: number;
}

/** What a heartbeat says beside its number. */
export interface Beat {
  readonly number: number;
  /** For how long its process has been running, in milliseconds. */
  readonly ageMs: number;
  readonly publishMs: number;
  readonly move: Move;
}

/** The other servers: which are alive, and what was last heard of each. */
export class Peers implements PeerView {
  private readonly known = new Map<string, Peer>();
  private readonly living = new Set<string>();
  private readonly lost = new Subject<string>();
  private readonly waiters = new Set<{ readonly ms: number; readonly end: () => void }>();
  private closed = false;
  private listeningSince: number | undefined;
  /** Counts this server's subscriber links. */
  private link = 0;
  /** When the one before was lost. */
  private lostAt = 0;
  /** Since when this server hears itself on the present one; `undefined` while it does not. */
  private hearsSince: number | undefined;

  constructor(private readonly now: () => number) {}

  /** Servers that fell silent, and when that was noticed. */
  private readonly silentSince = new Map<string, number>();

  readonly lost$: Observable<string> = this.lost.asObservable();

  get alive(): ReadonlySet<string> {
    return this.living;
  }

  get silent(): ReadonlySet<string> {
    return new Set(this.silentSince.keys());
  }

  /** For how long the slowest publish of any of them was under way of late. */
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

  /** Something of this server was heard. Returns whether it is newer than what was heard before. */
  heard(serverId: string, number: number): 'new' | 'old' | 'impossible' {
    const now = this.now();
    const peer = this.known.get(serverId);
    if (!peer) {
      this.living.add(serverId);
      this.known.set(serverId, {
        clock: new PeerClock(),
        lastNumber: number,
        left: false,
        heardAt: now,
        excusedAt: now,
        beat: undefined,
        pause: undefined,
        publishMs: 0,
        link: this.link,
      });
      return 'new';
    }
    if (number > peer.lastNumber + MAX_JUMP) return 'impossible';
    if (!peer.left) this.living.add(serverId);
    this.silentSince.delete(serverId);
    peer.link = this.link;
    if (now - peer.heardAt > HEARTBEAT_MS) peer.pause = { from: peer.pause?.from ?? peer.heardAt, to: now };
    peer.heardAt = now;
    peer.excusedAt = now;
    if (number <= peer.lastNumber) return 'old';
    peer.lastNumber = number;
    return 'new';
  }

  /**
   * A heartbeat of this server was heard.
   *
   * @param lagMs how old what is heard may be
   * @returns when something of it may have been missed
   */
  beat(serverId: string, beat: Beat, lagMs: number): readonly Gap[] {
    const peer = this.known.get(serverId);
    if (!peer) return [];
    const { number, publishMs, move } = beat;
    const { beat: last, pause } = peer;
    const now = this.now();
    peer.beat = { number, moves: move.count, heardAt: now, link: this.link };
    peer.publishMs = publishMs;
    peer.pause = undefined;
    const missed = last ? this.missedSince(last, beat, pause) : this.missedBeforeFirst(beat);
    return missed.map(({ from, to }) => ({ from: from - lagMs, to }));
  }

  /** When a heartbeat of this server was sent, on our clock; `undefined` while too little is known of its clock. */
  sentAt(serverId: string, sentAt: number): number | undefined {
    return this.known.get(serverId)?.clock.heard(sentAt, this.now());
  }

  /** The server said that it ends. What it publishes until then is heard, but nobody counts on it. */
  left(serverId: string): void {
    const peer = this.known.get(serverId);
    if (peer) peer.left = true;
    this.dead(serverId);
  }

  /** The subscriber link is new. */
  connected(): void {
    this.link++;
  }

  /**
   * The subscriber link is lost.
   *
   * @returns the living servers of which nothing came on it while this one heard itself there, and when that was. It may have
   * led to another Redis than theirs, and their next heartbeat does not tell where that was for less than a second.
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

  /** Hearing begins, or begins again. Every peer gets the full time to send a heartbeat before it counts as dead. */
  listen(): void {
    this.listeningSince = this.now();
    this.hearsSince ??= this.now();
  }

  /** This server is deaf: nobody's silence means anything. */
  deaf(): void {
    this.listeningSince = undefined;
  }

  /** This process stood still for so long: the others' messages wait unread. */
  excuse(ms: number): void {
    if (this.listeningSince !== undefined)
      this.listeningSince = Math.min(this.listeningSince + ms, this.now());
    for (const peer of this.known.values()) peer.excusedAt = Math.min(peer.excusedAt + ms, this.now());
  }

  sweep(): void {
    if (this.listeningSince === undefined) return;
    const now = this.now();
    for (const [serverId, peer] of this.known) {
      const silent = now - Math.max(peer.excusedAt, this.listeningSince);
      if (silent > FORGOTTEN_AFTER_MS) this.known.delete(serverId);
      if (silent > DEAD_AFTER_MS && this.living.has(serverId)) {
        this.silentSince.set(serverId, now);
        this.dead(serverId);
      }
    }
    for (const [serverId, since] of this.silentSince)
      if (now - since > SILENT_MS) this.silentSince.delete(serverId);
    for (const { ms, end } of this.waiters) if (this.hasHeardFor(ms)) end();
  }

  close(): void {
    this.closed = true;
    this.lost.complete();
    for (const { end } of this.waiters) end();
  }

  private missedSince(last: HeardBeat, { number, move }: Beat, pause: Gap | undefined): readonly Gap[] {
    if (number > last.number + 1) return [pause ?? { from: last.heardAt, to: this.now() }];
    return this.missedByMoves(last, move);
  }

  /**
   * What a peer published before its first heartbeat that was heard. A number above 1 means that there were earlier ones. This
   * server would have heard them, so the peer was on another Redis, or was silent for so long that it was forgotten.
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
    // It moved after the heartbeat before, whatever it says.
    const arrivedAt = Math.max(move.arrivedAt, last.heardAt);
    const own = { lostAt: this.lostAt, hearsSince: this.hearsSince };
    if (together) return missedWhileMoving(own, { leftAt: move.leftAt, arrivedAt });
    // On a link of this server's own that stayed, or after several, nothing says who was where in between.
    return [{ from: last.heardAt, to: this.now() }];
  }

  private dead(serverId: string): void {
    if (this.living.delete(serverId)) this.lost.next(serverId);
  }

  hasHeardFor(ms: number): boolean {
    return this.listeningSince !== undefined && this.now() - this.listeningSince >= ms;
  }
}
