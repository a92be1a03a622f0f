import { type Observable, Subject } from 'rxjs';
import type { PeerView } from './bus.js';

/** A server that was silent for so long is dead to the others: four heartbeats. */
export const DEAD_AFTER_MS = 4000;
/** How long a dead server's last number is kept, so that nothing of it is taken twice when it returns. */
const FORGOTTEN_AFTER_MS = 10 * 60_000;

interface Peer {
  lastNumber: number;
  heardAt: number;
}

/** The other servers: which are alive, and the last number heard of each. */
export class Peers implements PeerView {
  private readonly known = new Map<string, Peer>();
  private readonly living = new Set<string>();
  private readonly lost = new Subject<string>();
  private readonly waiters = new Set<{ readonly ms: number; readonly resolve: () => void }>();
  private listeningSince: number | undefined;

  constructor(private readonly now: () => number) {}

  readonly lost$: Observable<string> = this.lost.asObservable();

  get alive(): ReadonlySet<string> {
    return this.living;
  }

  whenHeardFor(ms: number): Promise<void> {
    if (this.hasHeardFor(ms)) return Promise.resolve();
    return new Promise((resolve) => this.waiters.add({ ms, resolve }));
  }

  /** Something of this server was heard. Returns false when it is not newer than what was heard before. */
  heard(serverId: string, number: number): boolean {
    const peer = this.known.get(serverId);
    this.living.add(serverId);
    if (!peer) {
      this.known.set(serverId, { lastNumber: number, heardAt: this.now() });
      return true;
    }
    peer.heardAt = this.now();
    if (number <= peer.lastNumber) return false;
    peer.lastNumber = number;
    return true;
  }

  /** The server said that it ends. */
  left(serverId: string): void {
    if (this.living.delete(serverId)) this.lost.next(serverId);
  }

  /** Hearing begins, or begins anew: whoever is silent from now on is given the whole time to speak. */
  listen(): void {
    this.listeningSince = this.now();
    for (const peer of this.known.values()) peer.heardAt = Math.max(peer.heardAt, this.listeningSince);
  }

  /** This server is deaf: nobody's silence means anything. */
  deaf(): void {
    this.listeningSince = undefined;
  }

  /** This process stood still for so long: the others' messages wait unread. */
  excuse(ms: number): void {
    for (const peer of this.known.values()) peer.heardAt += ms;
  }

  sweep(): void {
    if (this.listeningSince === undefined) return;
    const now = this.now();
    for (const [serverId, peer] of this.known) {
      const silent = now - peer.heardAt;
      if (silent > FORGOTTEN_AFTER_MS) this.known.delete(serverId);
      if (silent > DEAD_AFTER_MS) this.left(serverId);
    }
    for (const waiter of this.waiters) {
      if (!this.hasHeardFor(waiter.ms)) continue;
      this.waiters.delete(waiter);
      waiter.resolve();
    }
  }

  close(): void {
    this.lost.complete();
    for (const { resolve } of this.waiters) resolve();
    this.waiters.clear();
  }

  private hasHeardFor(ms: number): boolean {
    return this.listeningSince !== undefined && this.now() - this.listeningSince >= ms;
  }
}
