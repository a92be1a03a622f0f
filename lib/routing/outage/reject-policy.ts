import type { Bus } from '../../bus/bus.js';
import { PublishRefusedError } from '../../bus/transport.js';
import type { BackplaneOutcome } from '../delivery.js';
import type { OutagePolicy, OutgoingMessage } from './outage-policy.js';

/** Whoever emits or joins is told that Redis is not there. Only volatile messages may go missing unsaid. */
export class RejectPolicy implements OutagePolicy {
  readonly keepsMemberships = false;

  constructor(private readonly bus: Bus) {}

  publish({ channels, record, volatile }: OutgoingMessage): Promise<BackplaneOutcome> {
    const published = this.bus.publish(channels, record);
    // Handed on as it is, for all emits of a tick share it.
    if (!volatile) return published;
    return published.catch((error: unknown) => {
      if (error instanceof PublishRefusedError) return 'skipped';
      throw error;
    });
  }

  close(): void {}
}
