import type { Facts } from './facts.js';
import type { Missed } from './judge-deliveries.js';
import { covers } from './judge-reports.js';

/** How long a message may wait by default, and a second for the attempt that is under way then. */
const BUFFERED_MS = 31_000;

/**
 * How many messages were buffered, and then neither delivered nor reported: by no receiver as a loss at a time at which
 * they may have been published, and by no sender as given up. A report of messages that were given up says how many, so
 * each sender's are compared by number.
 */
export function strandedIn({ reports, givenUp }: Facts, missed: readonly Missed[]): number {
  const bySender = new Map<number, Set<number>>();
  for (const one of missed) {
    const { sender, number, outcome, call } = one.emit;
    if (outcome !== 'buffered') continue;
    // It may have been published at any time until its age ended.
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
