import type { Subscription } from 'rxjs';
import type { Bus } from '../../bus/bus.js';
import { PublishRefusedError } from '../../bus/transport.js';
import type { BackplaneOutcome } from '../delivery.js';
import type { OutagePolicy, OutgoingMessage } from './outage-policy.js';

/** The other servers lost Redis too: whoever is back within this time hears what waited here. */
const FLUSH_AFTER_MS = 1500;

interface Waiting {
  readonly message: OutgoingMessage;
  readonly since: number;
}

/**
 * What Redis certainly did not take waits, up to a number and an age, and is published in order once Redis
 * and the other servers are back. The rest is as with the local policy.
 */
export class BufferPolicy implements OutagePolicy {
  readonly keepsMemberships = true;
  private queue: Waiting[] = [];
  private readonly subscription: Subscription;
  private flushing = false;

  constructor(
    private readonly bus: Bus,
    private readonly maxMessages: number,
    private readonly maxAgeMs: number,
    /** Messages that were buffered are given up. */
    private readonly onDropped: (count: number) => void,
  ) {
    this.subscription = bus.status$.subscribe(({ state }) => {
      if (state === 'ready') void this.flush();
    });
  }

  async publish(message: OutgoingMessage): Promise<BackplaneOutcome> {
    // Nothing overtakes what waits.
    if (this.queue.length > 0 || this.bus.status.state !== 'ready') return this.wait(message);
    try {
      return await this.bus.publish(message.channels, message.record);
    } catch (error) {
      return error instanceof PublishRefusedError ? this.wait(message) : 'skipped';
    }
  }

  close(): void {
    this.subscription.unsubscribe();
    if (this.queue.length > 0) this.onDropped(this.queue.length);
    this.queue = [];
  }

  private wait(message: OutgoingMessage): BackplaneOutcome {
    if (message.volatile || this.queue.length >= this.maxMessages) return 'skipped';
    this.queue.push({ message, since: performance.now() });
    return 'buffered';
  }

  private async flush(): Promise<void> {
    if (this.flushing) return;
    this.flushing = true;
    await this.bus.peers.whenHeardFor(FLUSH_AFTER_MS);
    this.dropOld();
    while (this.bus.status.state === 'ready' && this.queue.length > 0) await this.publishBatch();
    this.flushing = false;
  }

  private dropOld(): void {
    const oldest = performance.now() - this.maxAgeMs;
    const fresh = this.queue.filter(({ since }) => since >= oldest);
    if (fresh.length < this.queue.length) this.onDropped(this.queue.length - fresh.length);
    this.queue = fresh;
  }

  /** All at once, for the bus keeps their order; what Redis refuses again waits on, before what came since. */
  private async publishBatch(): Promise<void> {
    const batch = [...this.queue];
    const results = await Promise.allSettled(
      batch.map(({ message }) => this.bus.publish(message.channels, message.record)),
    );
    const refused = batch.filter((_, index) => {
      const result = results[index];
      return result?.status === 'rejected' && result.reason instanceof PublishRefusedError;
    });
    const unknown = results.filter(({ status }) => status === 'rejected').length - refused.length;
    if (unknown > 0) this.onDropped(unknown);
    this.queue = [...refused, ...this.queue.slice(batch.length)];
  }
}
