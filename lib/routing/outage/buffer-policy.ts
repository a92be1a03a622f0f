import type { Subscription } from 'rxjs';
import type { Bus } from '../../bus/bus.js';
import type { Cancel } from '../../bus/clock.js';
import { PublishDeniedError, PublishRefusedError } from '../../bus/transport.js';
import type { BackplaneOutcome } from '../delivery.js';
import type { GiveUpReason } from '../routing.errors.js';
import type { OutagePolicy, OutgoingMessage } from './outage-policy.js';
import { type WaitingLimits, type WaitingMessage, WaitingMessages } from './waiting-messages.js';

/** How long the way to Redis must work again before a flush, so that the other servers can reconnect. */
const FLUSH_AFTER_MS = 1500;
/** The pause between two flushes, so a Redis that refuses everything costs ten attempts a second. */
const RETRY_MS = 100;

/**
 * Buffers messages while Redis is down, within limits of number, bytes and age. Publishes them in order once Redis and
 * the other servers are back. Checks only the pipes that a message uses, so a partition that is down does not hold back
 * the others. A publish that Redis denies rejects; apart from that, this policy behaves like the local one.
 */
export class BufferPolicy implements OutagePolicy {
  readonly keepsMemberships = true;
  readonly whenDown = 'buffered';
  private readonly waiting: WaitingMessages;
  private readonly subscription: Subscription;
  private cancelFlush: Cancel | undefined;
  private closed = false;

  constructor(
    private readonly bus: Bus,
    limits: WaitingLimits,
    /** Called with buffered messages that are dropped. */
    private readonly onGivenUp: (messages: readonly OutgoingMessage[], reason: GiveUpReason) => void,
  ) {
    this.waiting = new WaitingMessages(limits, () => bus.clock.now());
    this.subscription = bus.status$.subscribe(() => this.flush());
  }

  async publish(message: OutgoingMessage): Promise<BackplaneOutcome> {
    const pipes = this.bus.pipesOf(message.channels);
    const isOpen = !this.waiting.hasAnyFor(pipes) && pipes.every((pipe) => pipe.isOpenFor(0));
    if (!isOpen) return this.wait(message);
    try {
      return await this.bus.publish(message.channels, message.record);
    } catch (error) {
      // Redis would deny it again, so reject now.
      if (error instanceof PublishDeniedError) throw error;
      return error instanceof PublishRefusedError ? this.wait(message) : 'skipped';
    }
  }

  close(): void {
    this.closed = true;
    this.subscription.unsubscribe();
    this.cancelFlush?.();
    this.giveUp(this.waiting.removeAll(), 'closed');
  }

  /** Queues the message. One that does not fit is reported like every other one that is dropped. */
  private wait(message: OutgoingMessage): BackplaneOutcome {
    if (message.volatile || this.closed) return 'skipped';
    this.giveUp(this.waiting.add(message, this.bus.pipesOf(message.channels)), 'full');
    this.flushLater();
    return 'buffered';
  }

  private flushLater(): void {
    if (this.cancelFlush || this.closed || this.waiting.isEmpty) return;
    this.cancelFlush = this.bus.clock.after(RETRY_MS, () => {
      this.cancelFlush = undefined;
      this.flush();
      this.flushLater();
    });
  }

  private flush(): void {
    this.giveUp(this.waiting.removeExpired(), 'age');
    for (const entry of this.waiting.ready(FLUSH_AFTER_MS)) void this.send(entry);
  }

  /** A message that is refused again keeps its place, ahead of later ones. */
  private async send(entry: WaitingMessage): Promise<void> {
    entry.underWay = true;
    try {
      await this.bus.publish(entry.message.channels, entry.message.record);
    } catch (error) {
      const isDenied = error instanceof PublishDeniedError;
      if (error instanceof PublishRefusedError && !isDenied && !this.closed) {
        entry.underWay = false;
        return;
      }
      this.giveUp([entry], isDenied ? 'denied' : 'unknown');
    }
    this.waiting.remove(entry);
  }

  private giveUp(entries: readonly WaitingMessage[], reason: GiveUpReason): void {
    if (entries.length > 0)
      this.onGivenUp(
        entries.map(({ message }) => message),
        reason,
      );
  }
}
