import { type Observable, Subject } from 'rxjs';
import type { BusLoss, ConnectionFailure, ConnectionRestoration } from './bus.js';
import type { LinkRole } from './transport.js';

/** A missed message was emitted before Redis received it. Windows begin at least this much earlier. */
const MIN_TRAVEL_MS = 50;
/** Windows begin at most this much earlier, so that they are no more than two seconds wider than the loss. */
const MAX_TRAVEL_MS = 1000;

/** What is told of outages: one failure, one restoration, and the time in which this server was deaf. */
export class Outage {
  private readonly failures = new Subject<ConnectionFailure>();
  private readonly restorations = new Subject<ConnectionRestoration>();
  private readonly losses = new Subject<BusLoss>();
  private failedAt: number | undefined;
  private deafSince: number | undefined;

  readonly failed$: Observable<ConnectionFailure> = this.failures.asObservable();
  readonly restored$: Observable<ConnectionRestoration> = this.restorations.asObservable();
  readonly loss$: Observable<BusLoss> = this.losses.asObservable();

  constructor(
    private readonly now: () => number,
    /** How long the slowest publish of the other servers was under way lately. */
    private readonly publishMs: () => number,
  ) {
    // Clients that connect before this server hears itself have missed what other servers sent.
    this.deafSince = now();
  }

  /** Told once per outage, however many links and attempts fail in it. */
  failed(link: LinkRole, cause: Error): void {
    if (this.failedAt !== undefined) return;
    this.failedAt = this.now();
    this.failures.next({ link, cause });
  }

  /** The subscriber link is gone, or was on the wrong node. @param heardUntil the last moment that is proved to have been heard */
  deaf(heardUntil: number): void {
    this.deafSince = Math.min(this.deafSince ?? heardUntil, heardUntil);
  }

  /** This server has heard itself: on channels that are subscribed, nothing is missed from now on. */
  restored(channelsRestored: number): void {
    const now = this.now();
    if (this.failedAt !== undefined) {
      const downMs = Math.round(now - this.failedAt);
      this.failedAt = undefined;
      this.restorations.next({ downMs, channelsRestored });
    }
    if (this.deafSince === undefined) return;
    const from = this.deafSince;
    this.deafSince = undefined;
    this.missed({ channels: 'all', from, to: now, certainty: 'possible' });
  }

  /**
   * @param loss from when Redis may have taken what was missed; it may have been emitted a little earlier
   * @param publishMs how long the sender's slowest publish took; `Infinity` if unknown, for the widest margin
   */
  missed(loss: BusLoss, publishMs = this.publishMs()): void {
    const travelMs = Math.min(MAX_TRAVEL_MS, Math.max(MIN_TRAVEL_MS, publishMs));
    this.losses.next({ ...loss, from: loss.from - travelMs });
  }

  close(): void {
    this.failures.complete();
    this.restorations.complete();
    this.losses.complete();
  }
}
