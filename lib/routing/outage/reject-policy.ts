import type { Bus } from '../../bus/bus.js';
import type { BackplaneOutcome } from '../delivery.js';
import type { OutagePolicy, OutgoingMessage } from './outage-policy.js';

/** Emits and joins reject while Redis is down. Only volatile messages may be dropped without an error. */
export class RejectPolicy implements OutagePolicy {
  readonly keepsMemberships = false;

  constructor(private readonly bus: Bus) {}

  publish({ channels, record, volatile }: OutgoingMessage): Promise<BackplaneOutcome> {
    const published = this.bus.publish(channels, record);
    // Handed on as it is, for all emits of a tick share it.
    if (!volatile) return published;
    return published.catch(() => 'skipped');
  }

  close(): void {}
}
