import type { TimeOfDay } from './bus.js';
import type { Clock } from './clock.js';

/** Smaller changes of the difference between the clocks are drift, or the time between the two readings. */
const STEP_MS = 20;
/** If reading both clocks takes longer than this, the process was paused in between, and the reading is discarded. */
const READING_MS = 2;
/** How many steps of the system time are remembered. */
const KEPT = 100;

interface Step {
  /** The monotonic time until which the wall clock was ahead by `offset`. */
  readonly until: number;
  readonly offset: number;
}

/**
 * Converts monotonic time to the system time. The difference between them changes when the clock is set, and when the
 * machine sleeps, because the monotonic clock stops then.
 */
export class WallClock implements TimeOfDay {
  private readonly steps: Step[] = [];
  private offset: number;

  constructor(private readonly clock: Pick<Clock, 'now' | 'date'>) {
    this.offset = clock.date() - clock.now();
  }

  /** Notices a step of the system time. Call it often, because a step is dated at the call that notices it. */
  look(): void {
    const before = this.clock.now();
    const offset = this.clock.date() - before;
    const now = this.clock.now();
    if (now - before > READING_MS || Math.abs(offset - this.offset) < STEP_MS) return;
    this.steps.push({ until: now, offset: this.offset });
    if (this.steps.length > KEPT) this.steps.shift();
    this.offset = offset;
  }

  /**
   * The system time at this moment. If the clock has been set since then, returns the earliest possible time, because a
   * loss report that begins too late would hide a loss.
   */
  earliest(time: number): number {
    this.look();
    const since = this.steps.filter(({ until }) => until > time).map(({ offset }) => offset);
    return time + Math.min(this.offset, ...since);
  }

  /** The system time at a moment that has just passed. */
  recent(time: number): number {
    this.look();
    return time + this.offset;
  }
}
