/** The pause before refused channels are retried. Doubles with each attempt in which Redis grants none of them. */
const FIRST_PAUSE_MS = 250;
const LAST_PAUSE_MS = 1000;
/** Channels per attempt. A permission usually covers a whole pattern, so a few channels show whether it was granted. */
const PROBES = 32;
/** After an attempt in which Redis granted a channel, the next one follows at once with this many times the channels. */
const GROWTH = 16;

/**
 * The channels that Redis refuses, with the schedule for retries. The channels take turns, so the cost of an attempt does
 * not depend on their number.
 */
export class RefusedChannels {
  /** In the order of their last attempt, oldest first. */
  private readonly channels = new Set<string>();
  private pauseMs = FIRST_PAUSE_MS;
  private dueAt = 0;
  private probes = PROBES;

  get size(): number {
    return this.channels.size;
  }

  get first(): string | undefined {
    return this.channels.values().next().value;
  }

  has(channel: string): boolean {
    return this.channels.has(channel);
  }

  add(channel: string, now: number): void {
    if (this.channels.size === 0) this.pause(FIRST_PAUSE_MS, now);
    this.channels.add(channel);
  }

  delete(channel: string): void {
    this.channels.delete(channel);
  }

  /** The channels to retry now; none until the pause is over. They move to the end of the queue. */
  due(now: number): string[] {
    if (now < this.dueAt) return [];
    const due: string[] = [];
    for (const channel of this.channels) {
      if (due.length === this.probes) break;
      due.push(channel);
    }
    for (const channel of due) {
      this.channels.delete(channel);
      this.channels.add(channel);
    }
    return due;
  }

  /** An attempt is over. @param hasGranted whether Redis granted any of its channels */
  tried(hasGranted: boolean, now: number): void {
    this.probes = hasGranted ? this.probes * GROWTH : PROBES;
    this.pause(hasGranted ? 0 : Math.min(2 * this.pauseMs, LAST_PAUSE_MS), now);
  }

  private pause(ms: number, now: number): void {
    this.pauseMs = Math.max(ms, FIRST_PAUSE_MS);
    this.dueAt = now + ms;
  }
}
