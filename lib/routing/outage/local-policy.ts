import type { Bus } from '../../bus/bus.js';
import type { BackplaneOutcome } from '../delivery.js';
import type { OutagePolicy, OutgoingMessage } from './outage-policy.js';

/** While Redis is down, each server serves only its own connections. Memberships are kept, and their channels are subscribed before `ready`. */
export class LocalPolicy implements OutagePolicy {
  readonly keepsMemberships = true;
  readonly whenDown = 'skipped';

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
