/** The machine's monotonic clock in milliseconds. All processes share it. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

// If the process pauses between the two readings, the difference is too small and all reports seem earlier than they
// are. The largest of 100 samples is correct.
const OFFSET = Math.max(...Array.from({ length: 100 }, () => now() - performance.now()));

/**
 * Converts a Date that this process made from `performance.now()` to the machine's clock. A Date has whole milliseconds,
 * so the real time may be up to 1 ms later.
 */
export function ofDate(date: Date): number {
  return date.getTime() - performance.timeOrigin + OFFSET;
}
