import type { Subscriptions, Wanted } from './subscriptions.js';

/** A round through all channels takes at most so many seconds. */
const ROUND_SECONDS = 300;
/** Once a lost subscription was found, others may be lost too: so many are checked at a time until a whole round finds none. */
const ALERT_CHECKS = 64;

interface Check {
  readonly entry: Wanted;
  /** Of the envelope that has to come back. */
  readonly number: number;
  readonly sentAt: number;
  /** Redis has taken the envelope. */
  isAccepted: boolean;
}

export interface AuditEvents {
  /** Whether this server hears itself: otherwise nothing can come back. */
  isHeard(): boolean;
  /** Publishes an envelope without records on this channel, now. */
  send(channel: string): { readonly number: number; readonly accepted: Promise<unknown> };
}

export interface AuditTurn {
  readonly every: number;
  readonly first: number;
}

/**
 * Checks that subscriptions which Redis has confirmed are still there: a proxy, a managed front end or another user of
 * the client may have taken one back. An empty envelope on the channel has to come back. Messages travel first in, first
 * out, so it is lost as soon as a later one has come. A few channels a second are checked, in turn.
 */
export class Audit {
  private readonly checks = new Map<string, Check>();
  /** Channels to check before the alert is over. */
  private alert = 0;
  private beats = 0;

  constructor(
    private readonly subscriptions: Pick<Subscriptions, 'size' | 'nextSubscribed' | 'lost'>,
    private readonly now: () => number,
    private readonly events: AuditEvents,
    /** Which heartbeats come with a check, because several buses of a server take turns. */
    private readonly turn: AuditTurn = { every: 1, first: 0 },
  ) {}

  /** Called with each heartbeat. Checks behind the heartbeats of this turn of the loop, which may share a message. */
  beat(): void {
    if (this.beats++ % this.turn.every === this.turn.first)
      setImmediate(() => {
        if (this.events.isHeard()) this.next();
      });
  }

  /** Checks the next channels. */
  next(): void {
    const count = this.alert > 0 ? ALERT_CHECKS : Math.ceil(this.subscriptions.size / ROUND_SECONDS);
    this.alert = Math.max(0, this.alert - count);
    for (const [channel, entry] of this.subscriptions.nextSubscribed(count)) this.check(channel, entry);
  }

  /** An own envelope came back on this channel. */
  heard(number: number, channel: Buffer): void {
    if (this.checks.size === 0) return;
    const name = channel.toString();
    for (const [checked, check] of this.checks) {
      // An older message proves nothing of the time since it was sent.
      if (checked === name && number >= check.number) this.proved(checked, check);
      else if (check.isAccepted && check.number < number) this.lost(checked, check);
    }
  }

  /** The links are gone: what was sent on them proves nothing. */
  reset(): void {
    this.checks.clear();
  }

  private check(channel: string, entry: Wanted): void {
    if (this.checks.has(channel)) return;
    const sentAt = this.now();
    const { number, accepted } = this.events.send(channel);
    const check: Check = { entry, number, sentAt, isAccepted: false };
    this.checks.set(channel, check);
    accepted.then(
      () => (check.isAccepted = true),
      () => this.forget(channel, check),
    );
  }

  private proved(channel: string, check: Check): void {
    check.entry.provedAt = check.sentAt;
    this.checks.delete(channel);
  }

  private lost(channel: string, { entry }: Check): void {
    this.checks.delete(channel);
    if (this.subscriptions.lost(channel, entry)) this.alert = this.subscriptions.size;
  }

  /** What Redis did not take cannot come back. */
  private forget(channel: string, check: Check): void {
    if (this.checks.get(channel) === check) this.checks.delete(channel);
  }
}
