/** Heartbeats for which a slow publish is remembered: another one may follow it. */
const KEPT = 10;

/** For how long the slowest publish of the last ten seconds was under way. */
export class PublishDelay {
  private readonly slowest: number[] = [0];

  /** A publish was answered after so long. */
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
