import type { Bus } from '../../bus/bus.js';
import type { BackplaneOutcome } from '../delivery.js';
import type { OutagePolicy, OutgoingMessage } from './outage-policy.js';

/** While Redis is down, emits and joins reject. Only volatile messages are dropped without an error. */
export class RejectPolicy implements OutagePolicy {
  readonly keepsMemberships = false;
  readonly whenDown = 'rejected';

  constructor(private readonly bus: Bus) {}

  publish({ channels, record, volatile }: OutgoingMessage): Promise<BackplaneOutcome> {
    const published = this.bus.publish(channels, record);
    // Returned unchanged, because all emits of a tick share this promise.
    if (!volatile) return published;
    return published.catch(() => 'skipped');
  }

  close(): void {}
}
