/** Channels in one SUBSCRIBE or UNSUBSCRIBE: a Redis that reads a long command serves nobody else meanwhile. */
const BATCH = 512;

/** The channels in lists that are short enough for one command. */
export function batches<T>(items: readonly T[]): T[][] {
  const result: T[][] = [];
  for (let start = 0; start < items.length; start += BATCH) result.push(items.slice(start, start + BATCH));
  return result;
}
