/**
 * Makes a call whose rejection does not crash the process if the app does not await it. Whether a command or an `invoke`
 * succeeds depends on clients and on Redis, and neither may crash the process.
 */
export function handled<T>(call: () => Promise<T>): Promise<T> {
  const result = call();
  result.catch(ignore);
  return result;
}

function ignore(): void {}
