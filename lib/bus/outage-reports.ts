import { type Observable, Subject } from 'rxjs';
import type { BusLoss, ConnectionFailure, ConnectionRestoration } from './bus.js';
import type { LinkRole } from './transport.js';

/** A missed message was emitted before Redis received it. Windows begin at least this much earlier. */
const MIN_TRAVEL_MS = 50;
/** Windows begin at most this much earlier, so that they are no more than two seconds wider than the loss. */
const MAX_TRAVEL_MS = 1000;

/** Reports each outage: one failure, one restoration, and the loss while this server was deaf. */
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
    /** How long the slowest recent publish of the other servers took, in milliseconds. */
    private readonly publishMs: () => number,
  ) {
    // Until this server hears itself, its clients may miss messages from other servers.
    this.deafSince = now();
  }

  /** Reports the first failure of an outage and ignores the rest. */
  failed(link: LinkRole, cause: Error): void {
    if (this.failedAt !== undefined) return;
    this.failedAt = this.now();
    this.failures.next({ link, cause });
  }

  /** The subscriber link is down, or was on the wrong node. @param heardUntil the last time at which this server provably heard everything */
  deaf(heardUntil: number): void {
    this.deafSince = Math.min(this.deafSince ?? heardUntil, heardUntil);
  }

  /** All channels are subscribed again or refused. @param channels their number */
  resubscribed(channels: number): void {
    this.channelsRestored = channels;
  }

  /** This server has heard itself, so from now on it misses nothing on subscribed channels. */
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
   * Reports a loss. The report begins earlier than the loss, because a message is emitted before Redis accepts it.
   *
   * @param loss with the time at which Redis may have accepted the first missed message
   * @param publishMs how long the sender's publishes take, in milliseconds; `Infinity` if that is unknown
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
