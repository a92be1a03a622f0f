import { type Observable, Subject } from 'rxjs';
import type { BusLoss, ConnectionFailure, ConnectionRestoration } from './bus.js';
import type { LinkRole } from './transport.js';

/** What is missed was emitted a little before Redis took it: at least this much … */
const MIN_TRAVEL_MS = 50;
/** … and at most this much, which is what the promise leaves room for. */
const MAX_TRAVEL_MS = 1000;

/** What is told of outages: one failure, one restoration, and the time in which this server was deaf. */
export class OutageReports {
  private readonly failures = new Subject<ConnectionFailure>();
  private readonly restorations = new Subject<ConnectionRestoration>();
  private readonly losses = new Subject<BusLoss>();
  private failedAt: number | undefined;
  private deafSince: number | undefined;
  private channelsRestored = 0;

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

  /** So many channels are subscribed again. */
  resubscribed(channels: number): void {
    this.channelsRestored = channels;
  }

  /** This server has heard itself: on channels that are subscribed, nothing is missed from now on. */
  restored(): void {
    const now = this.now();
    const { channelsRestored } = this;
    this.channelsRestored = 0;
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
   * @param publishMs how long its sender's publishes take; `Infinity` when nobody knows
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
