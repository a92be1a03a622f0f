import { type Observable, Subject } from 'rxjs';
import type { PeerView } from './bus.js';
import { HEARTBEAT_MS } from './hearing.js';
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
  /** The last heartbeat, and when it was heard; `undefined` before the first one. */
  beat: { readonly number: number; readonly heardAt: number } | undefined;
  /** From the first to the last silence of more than a heartbeat since `beat`. */
  pause: Gap | undefined;
  /** For how long its slowest publish of late was under way. */
  publishMs: number;
}

/** A time in which something of a server may have been missed. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

/** The other servers: which are alive, and what was last heard of each. */
export class Peers implements PeerView {
  private readonly known = new Map<string, Peer>();
  private readonly living = new Set<string>();
  private readonly lost = new Subject<string>();
  private readonly waiters = new Set<{ readonly ms: number; readonly end: () => void }>();
  private closed = false;
  private listeningSince: number | undefined;
  /** Since when what is heard comes from the node that this server is on now. */
  private connectedAt = 0;
  /** Since when this server hears itself there; `undefined` while it does not. */
  private hearsItselfSince: number | undefined;

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
      });
      return 'new';
    }
    if (number > peer.lastNumber + MAX_JUMP) return 'impossible';
    if (!peer.left) this.living.add(serverId);
    this.silentSince.delete(serverId);
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
   * @param publishMs for how long its slowest publish of late was under way
   * @returns when others before it were not heard, if so
   */
  beat(serverId: string, number: number, lagMs: number, publishMs = 0): Gap | undefined {
    const peer = this.known.get(serverId);
    if (!peer) return undefined;
    const { beat: last, pause } = peer;
    const now = this.now();
    peer.beat = { number, heardAt: now };
    peer.publishMs = publishMs;
    peer.pause = undefined;
    if (!last || number <= last.number + 1) return undefined;
    const gap = pause ?? { from: last.heardAt, to: now };
    return { from: gap.from - lagMs, to: gap.to };
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
    this.connectedAt = this.now();
  }

  /** Hearing begins, or begins anew: whoever is silent from now on is given the whole time to speak. */
  listen(): void {
    this.listeningSince = this.now();
    this.hearsItselfSince = this.now();
  }

  /**
   * This server is deaf: nobody's silence means anything.
   *
   * @returns the servers of which nothing came while this one heard itself. For so long it may have been on another Redis
   * than they, and their next heartbeat would not tell where that was shorter than a second.
   */
  deaf(): readonly (Gap & { readonly origin: string })[] {
    const from = this.hearsItselfSince;
    this.listeningSince = undefined;
    this.hearsItselfSince = undefined;
    if (from === undefined) return [];
    const unheard = [...this.known].filter(
      ([origin, { heardAt }]) => this.living.has(origin) && heardAt < this.connectedAt,
    );
    return unheard.map(([origin]) => ({ origin, from, to: this.now() }));
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

  private dead(serverId: string): void {
    if (this.living.delete(serverId)) this.lost.next(serverId);
  }

  hasHeardFor(ms: number): boolean {
    return this.listeningSince !== undefined && this.now() - this.listeningSince >= ms;
  }
}
