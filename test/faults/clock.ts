/** Milliseconds of the machine's monotonic clock: the same for all of its processes. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

const OFFSET = now() - performance.now();

/**
 * A Date that this very process made of its `performance.now()`, on the machine's clock. A Date has whole
 * milliseconds: what it stands for is up to one later.
 */
export function ofDate(date: Date): number {
  return date.getTime() - performance.timeOrigin + OFFSET;
}
