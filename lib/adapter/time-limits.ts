/** Limits how long promises of the app may take. Can reject all of them at once on shutdown. */
export class TimeLimits {
  private readonly running = new Set<(reason: Error) => void>();
  private givenUp: Error | undefined;

  /** @throws Error (as a rejection) when the result takes longer than `ms` or `giveUp` is called; and any error of the result */
  async within<T>(ms: number, what: string, result: T | Promise<T>): Promise<T> {
    if (this.givenUp) throw this.givenUp;
    let timer: NodeJS.Timeout | undefined;
    let giveUp: ((reason: Error) => void) | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      giveUp = reject;
      this.running.add(reject);
      timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
    });
    try {
      return await Promise.race([result, timeout]);
    } finally {
      clearTimeout(timer);
      if (giveUp) this.running.delete(giveUp);
    }
  }

  /** Rejects all running promises with this error, and all later ones too, so that no timer keeps running. */
  giveUp(reason: Error): void {
    this.givenUp = reason;
    for (const reject of this.running) reject(reason);
  }
}
