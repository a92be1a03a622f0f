import type { Facts } from './facts.js';
import type { Missed } from './judge-deliveries.js';
import { covers } from './judge-reports.js';

/** How long a message may be buffered by default, plus a second for an attempt that is in progress then. */
const BUFFERED_MS = 31_000;

/**
 * Counts the messages that were buffered and then neither delivered nor reported: no receiver reported a loss for a time
 * at which they may have been published, and the sender did not report them as given up. Such a report says only how
 * many messages, so the numbers are compared per sender.
 */
export function strandedIn({ reports, givenUp }: Facts, missed: readonly Missed[]): number {
  const bySender = new Map<number, Set<number>>();
  for (const one of missed) {
    const { sender, number, outcome, call } = one.emit;
    if (outcome !== 'buffered') continue;
    // It may have been published at any time until it expired.
    const published = { ...one, emit: { ...one.emit, settle: call + BUFFERED_MS } };
    if (reports.some((report) => covers(report, published))) continue;
    bySender.set(sender, (bySender.get(sender) ?? new Set()).add(number));
  }
  let stranded = 0;
  for (const [sender, numbers] of bySender) {
    const reported = givenUp
      .filter(({ server }) => server === sender)
      .reduce((sum, { count }) => sum + count, 0);
    stranded += Math.max(0, numbers.size - reported);
  }
  return stranded;
}
