/** For how many heartbeats a slow publish is remembered, because another one may follow. */
const KEPT = 10;

/** Remembers how long the slowest publish of the last ten seconds took. */
export class PublishDelay {
  private readonly slowest: number[] = [0];

  /** Redis confirmed a publish after `ms` milliseconds. */
  add(ms: number): void {
    const current = this.slowest.length - 1;
    if (ms > (this.slowest[current] ?? 0)) this.slowest[current] = ms;
  }

  get ms(): number {
    return Math.max(...this.slowest);
  }

  /** Called with each heartbeat. */
  next(): void {
    this.slowest.push(0);
    if (this.slowest.length > KEPT) this.slowest.shift();
  }
}
