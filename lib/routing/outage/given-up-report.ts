import { ReportedError } from '../../bus/bus.errors.js';
import { type GivenUpTarget, type GiveUpReason, MessagesGivenUpError } from '../routing.errors.js';
import type { OutgoingMessage } from './outage-policy.js';

/** Limits the report, because a full buffer may hold messages for thousands of users. */
const MAX_TARGETS = 100;

interface GivenUp {
  count: number;
  /** By a key of path, kind and name. */
  readonly targets: Map<string, GivenUpTarget>;
}

/** Reports dropped messages: one error per reason and turn of the event loop. */
export class GivenUpReport {
  private readonly pending = new Map<GiveUpReason, GivenUp>();
  private scheduled: NodeJS.Immediate | undefined;

  constructor(private readonly report: (error: ReportedError) => void) {}

  add(messages: readonly OutgoingMessage[], reason: GiveUpReason): void {
    const givenUp = this.pending.get(reason) ?? { count: 0, targets: new Map<string, GivenUpTarget>() };
    this.pending.set(reason, givenUp);
    givenUp.count += messages.length;
    for (const { address } of messages) {
      for (const { kind, name } of address.targets) {
        if (givenUp.targets.size === MAX_TARGETS) break;
        givenUp.targets.set(JSON.stringify([address.path, kind, name]), { path: address.path, kind, name });
      }
    }
    this.scheduled ??= setImmediate(() => this.flush());
  }

  /** Reports now instead of at the end of the turn. */
  flush(): void {
    clearImmediate(this.scheduled);
    this.scheduled = undefined;
    for (const [reason, { count, targets }] of this.pending) {
      const cause = new MessagesGivenUpError(count, reason, [...targets.values()]);
      this.report(new ReportedError('publish', cause.message, { cause }));
    }
    this.pending.clear();
  }
}
