import type { Bus } from '../../bus/bus.js';
import type { BackplaneOutcome } from '../delivery.js';
import type { OutagePolicy, OutgoingMessage } from './outage-policy.js';

/** Each server goes on by itself until Redis is back; memberships are kept, and are heard of again by then. */
export class LocalPolicy implements OutagePolicy {
  readonly keepsMemberships = true;

  constructor(private readonly bus: Bus) {}

  async publish({ channels, record }: OutgoingMessage): Promise<BackplaneOutcome> {
    try {
      return await this.bus.publish(channels, record);
    } catch {
      return 'skipped';
    }
  }

  close(): void {}
}
