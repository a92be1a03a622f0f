/** A point in time that several waits share. */
export class Deadline {
  private readonly endsAt: number;

  /** @param ms from now */
  constructor(readonly ms: number) {
    this.endsAt = performance.now() + ms;
  }

  get leftMs(): number {
    return Math.max(0, this.endsAt - performance.now());
  }

  /** A deadline that comes before this one: after this share of its whole time. */
  earlier(share: number): Deadline {
    return new Deadline(Math.max(0, this.leftMs - this.ms * (1 - share)));
  }

  /** Resolves with true when the promise is fulfilled, and with false at the deadline if it is not by then. */
  async meets(promise: Promise<unknown>): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), this.leftMs)));
    try {
      return await Promise.race([promise.then(() => true), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
