/** Limits the time of promises that the app makes, and can give them all up at once. */
export class TimeLimits {
  private readonly running = new Set<(reason: Error) => void>();
  private givenUp: Error | undefined;

  /** @throws Error (as a rejection) when the result takes too long, or is given up; and what the result rejects with */
  async within<T>(ms: number, what: string, result: T | Promise<T>): Promise<T> {
    if (this.givenUp) throw this.givenUp;
    let timer: NodeJS.Timeout | undefined;
    let giveUp: ((reason: Error) => void) | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      giveUp = reject;
      this.running.add(reject);
      timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
    });
    try {
      return await Promise.race([result, late]);
    } finally {
      clearTimeout(timer);
      if (giveUp) this.running.delete(giveUp);
    }
  }

  /** Whatever is running rejects with this error now, and so does what comes later: no timer is left. */
  giveUp(reason: Error): void {
    this.givenUp = reason;
    for (const reject of this.running) reject(reason);
  }
}
