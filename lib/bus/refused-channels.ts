/** The pause before refused channels are tried again: doubles with each attempt that grants none. */
const FIRST_PAUSE_MS = 250;
const LAST_PAUSE_MS = 1000;
/** Channels in one attempt. A permission mostly grants a whole pattern, so a few of them show whether it was given. */
const PROBES = 32;
/** An attempt that grants something is followed at once by one with so many times the channels. */
const GROWTH = 16;

/**
 * The channels that Redis refuses, and when to try which of them again. An attempt costs the same however many there
 * are: the channels take turns.
 */
export class RefusedChannels {
  /** Those that have waited longest come first. */
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

  /** The channels to try now, none before the pause is over. They go to the end of the queue. */
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

  /** An attempt is over. @param hasGranted whether it has granted any of its channels */
  tried(hasGranted: boolean, now: number): void {
    this.probes = hasGranted ? this.probes * GROWTH : PROBES;
    this.pause(hasGranted ? 0 : Math.min(2 * this.pauseMs, LAST_PAUSE_MS), now);
  }

  private pause(ms: number, now: number): void {
    this.pauseMs = Math.max(ms, FIRST_PAUSE_MS);
    this.dueAt = now + ms;
  }
}
