/** So many heartbeats are enough to tell the clocks' difference from a delay of one of them. */
const ENOUGH = 5;
/** A minute of heartbeats: clocks drift apart by a few milliseconds in it. */
const KEPT = 60;

/**
 * Tells when a peer's heartbeat was sent, on this server's clock: the fastest of the last minute shows how the two
 * clocks differ, so the delay of any other shows too.
 */
export class PeerClock {
  private differences: number[] = [];

  /** @returns when it was sent, at the latest; `undefined` while too few were heard */
  heard(sentAt: number, now: number): number | undefined {
    this.differences.push(now - sentAt);
    if (this.differences.length > KEPT) this.differences.shift();
    return this.differences.length < ENOUGH ? undefined : sentAt + Math.min(...this.differences);
  }
}
