/** A deadline that several waits share. */
export class Deadline {
  private readonly endsAt: number;

  /** @param ms the time until the deadline */
  constructor(readonly ms: number) {
    this.endsAt = performance.now() + ms;
  }

  get leftMs(): number {
    return Math.max(0, this.endsAt - performance.now());
  }

  /** Returns an earlier deadline: the one after this share (0 to 1) of this deadline's whole time. */
  earlier(share: number): Deadline {
    return new Deadline(Math.max(0, this.leftMs - this.ms * (1 - share)));
  }

  /** Resolves with true when the promise is fulfilled, or with false at the deadline. Rejects if the promise does. */
  async meets(promise: Promise<unknown>): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), this.leftMs)));
    try {
      return await Promise.race([promise.then(() => true), timeout]);
    } finally {
      clearTimeout(timer);
    }
  }
}
