import type { TimeOfDay } from './bus.js';
import type { Clock } from './clock.js';

/** A difference between the two clocks that changes by less than this is drift, or the time between reading them. */
const STEP_MS = 20;
/** A look in which reading both clocks takes longer is discarded: the process was paused between the two. */
const READING_MS = 2;
/** Steps that are remembered. */
const KEPT = 100;

interface Step {
  /** Until then the wall clock was ahead by `offset`. */
  readonly until: number;
  readonly offset: number;
}

/**
 * Turns times of the monotonic clock into times of day. The two drift apart when somebody sets the clock, and when the
 * machine sleeps, which the monotonic clock does not count.
 */
export class WallClock implements TimeOfDay {
  private readonly steps: Step[] = [];
  private offset: number;

  constructor(private readonly clock: Pick<Clock, 'now' | 'date'>) {
    this.offset = clock.date() - clock.now();
  }

  /** To be called often: a step is noticed by the call after it. */
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
   * The time of day at this moment. Where the clock has been set since then, the earliest that it may have been: a report
   * that begins too late would hide what was missed.
   */
  earliest(time: number): number {
    this.look();
    const since = this.steps.filter(({ until }) => until > time).map(({ offset }) => offset);
    return time + Math.min(this.offset, ...since);
  }

  /** The time of day at a moment that has just been. */
  recent(time: number): number {
    this.look();
    return time + this.offset;
  }
}
