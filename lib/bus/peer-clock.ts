/** Heartbeats needed to tell the difference between the clocks from the delay of a single heartbeat. */
const ENOUGH = 5;
/** One minute of heartbeats. Clocks drift apart by a few milliseconds in that time. */
const KEPT = 60;

/**
 * Converts the send time of a peer's heartbeats to this server's clock. The fastest heartbeat of the last minute shows
 * the difference between the two clocks.
 */
export class PeerClock {
  private differences: number[] = [];

  /** @returns the latest time at which it can have been sent; `undefined` until five heartbeats were heard */
  heard(sentAt: number, now: number): number | undefined {
    this.differences.push(now - sentAt);
    if (this.differences.length > KEPT) this.differences.shift();
    return this.differences.length < ENOUGH ? undefined : sentAt + Math.min(...this.differences);
  }
}
