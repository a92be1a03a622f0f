import type { Cancel, Clock } from '../../lib/bus/clock.js';

interface Timer {
  dueAt: number;
  readonly everyMs: number | undefined;
  readonly run: () => void;
}

/** A clock that stands still until the test moves it. */
export class ManualClock implements Clock {
  private time = 0;
  private readonly timers = new Set<Timer>();

  /** @param epoch the system time at the start, as `Date.now()` counts */
  constructor(private epoch = Date.now()) {}

  now(): number {
    return this.time;
  }

  date(): number {
    return this.epoch + this.time;
  }

  /** How many timers wait. */
  get timerCount(): number {
    return this.timers.size;
  }

  after(ms: number, run: () => void): Cancel {
    return this.add({ dueAt: this.time + ms, everyMs: undefined, run });
  }

  every(ms: number, run: () => void): Cancel {
    return this.add({ dueAt: this.time + ms, everyMs: ms, run });
  }

  /** Lets time pass, and runs each timer at the moment when it is due. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (let timer = this.nextUntil(end); timer; timer = this.nextUntil(end)) {
      this.time = timer.dueAt;
      if (timer.everyMs === undefined) this.timers.delete(timer);
      else timer.dueAt += timer.everyMs;
      timer.run();
    }
    this.time = end;
  }

  /** Somebody sets the system time, or the machine sleeps: `now()` does not see it. */
  setDate(date: number): void {
    this.epoch = date - this.time;
  }

  private add(timer: Timer): Cancel {
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  }

  private nextUntil(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.timers)
      if (timer.dueAt <= end && (!next || timer.dueAt < next.dueAt)) next = timer;
    return next;
  }
}
