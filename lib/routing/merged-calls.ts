/** Merges equal calls of one turn of the event loop: they run once, at the end of the turn, and get the same result. */
export class MergedCalls<Result> {
  private readonly waiting = new Map<string, Promise<Result>>();

  /** @param key equal for calls that have the same result */
  run(key: string, call: () => Promise<Result>): Promise<Result> {
    const known = this.waiting.get(key);
    if (known) return known;
    // At the end of the turn, because the result must include what happens before the last of the calls.
    const result = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      this.waiting.delete(key);
      return call();
    });
    this.waiting.set(key, result);
    return result;
  }
}
