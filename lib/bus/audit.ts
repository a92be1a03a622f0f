import type { Subscriptions } from './subscriptions.js';
import type { Wanted } from './wanted.js';

/** A round through all channels takes at most this many seconds. */
const ROUND_SECONDS = 300;
/** Channels per check after a lost subscription was found, because others may be lost too. Applies until a whole round finds none. */
const ALERT_CHECKS = 64;

interface Check {
  readonly entry: Wanted;
  /** The number of the envelope that must come back. */
  readonly number: number;
  readonly sentAt: number;
  /** Whether Redis has accepted the envelope. */
  isAccepted: boolean;
}

export interface AuditEvents {
  /** Whether this server hears itself. If not, no envelope can come back. */
  isHeard(): boolean;
  /** Publishes an envelope without records on this channel, now. */
  send(channel: string): { readonly number: number; readonly accepted: Promise<unknown> };
}

/** Which heartbeats trigger a check: the one with index `first`, and then every `every`th. */
export interface AuditTurn {
  readonly every: number;
  readonly first: number;
}

/**
 * Checks that confirmed subscriptions still exist: a proxy, a managed front end or other code that uses the client may
 * have unsubscribed a channel. The check publishes an empty envelope on the channel, which must come back. Messages arrive
 * in order, so the subscription is lost if a later message arrives first. A few channels are checked per second, in turn.
 */
export class Audit {
  private readonly checks = new Map<string, Check>();
  /** How many channels are still checked at the higher rate. */
  private alert = 0;
  private beats = 0;

  constructor(
    private readonly subscriptions: Pick<Subscriptions, 'size' | 'nextSubscribed' | 'lost'>,
    private readonly now: () => number,
    private readonly events: AuditEvents,
    /** Which heartbeats trigger a check. The buses of a sharded server take turns. */
    private readonly turn: AuditTurn = { every: 1, first: 0 },
    /** The channel that the echo proves once a second. A check would reach all servers of the farm and prove nothing more. */
    private readonly echoChannel?: string,
  ) {}

  /** Called with each heartbeat. Checks after the heartbeats of this turn of the event loop, because they may share a message. */
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

  /** One of this server's own envelopes came back on this channel. */
  heard(number: number, channel: Buffer): void {
    if (this.checks.size === 0) return;
    const name = channel.toString();
    for (const [checked, check] of this.checks) {
      // A message that is older than the check proves nothing.
      if (checked === name && number >= check.number) this.proved(checked, check);
      else if (check.isAccepted && check.number < number) this.lost(checked, check);
    }
  }

  /** The links are down, so the envelopes sent on them may never come back. */
  reset(): void {
    this.checks.clear();
  }

  private check(channel: string, entry: Wanted): void {
    if (channel === this.echoChannel || this.checks.has(channel)) return;
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

  /** Drops a check whose envelope Redis did not accept, because it cannot come back. */
  private forget(channel: string, check: Check): void {
    if (this.checks.get(channel) === check) this.checks.delete(channel);
  }
}
