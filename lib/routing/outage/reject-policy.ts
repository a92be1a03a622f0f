import type { Bus } from '../../bus/bus.js';
import { PublishRefusedError } from '../../bus/transport.js';
import type { BackplaneOutcome } from '../delivery.js';
import type { OutagePolicy, OutgoingMessage } from './outage-policy.js';

/** Whoever emits or joins is told that Redis is not there. Only volatile messages may go missing unsaid. */
export class RejectPolicy implements OutagePolicy {
  readonly keepsMemberships = false;

  constructor(private readonly bus: Bus) {}

  publish({ channels, record, volatile }: OutgoingMessage): Promise<BackplaneOutcome> {
    return this.bus.publish(channels, record).then(accepted, (error: unknown) => {
      if (volatile && error instanceof PublishRefusedError) return 'skipped';
      throw error;
    });
  }

  close(): void {}
}

function accepted(): BackplaneOutcome {
  return 'accepted';
}
