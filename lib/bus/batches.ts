/** Channels per SUBSCRIBE or UNSUBSCRIBE. Redis serves no other client while it executes a long command. */
const BATCH = 512;

/** Splits a list of channels into batches that are small enough for one command. */
export function batches<T>(items: readonly T[]): T[][] {
  const result: T[][] = [];
  for (let start = 0; start < items.length; start += BATCH) result.push(items.slice(start, start + BATCH));
  return result;
}
