/** Milliseconds of the machine's monotonic clock: the same for all of its processes. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

// A process that stands still between the two readings takes the difference for too small, and all its reports would seem
// to be of earlier than they are: the largest of many is right.
const OFFSET = Math.max(...Array.from({ length: 100 }, () => now() - performance.now()));

/**
 * A Date that this very process made of its `performance.now()`, on the machine's clock. A Date has whole
 * milliseconds: what it stands for is up to one later.
 */
export function ofDate(date: Date): number {
  return date.getTime() - performance.timeOrigin + OFFSET;
}
