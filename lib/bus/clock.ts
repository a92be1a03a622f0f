import { Observable } from 'rxjs';

/**
 * The clock of `bus/` and `routing/`. Tests pass their own, so that a test of an outage of several minutes takes
 * milliseconds. Sockets and Redis links use real time, because their other end does.
 */
export interface Clock {
  /** Monotonic time in milliseconds, from an arbitrary start. Not affected by changes of the system time. */
  now(): number;
  /** The system time in milliseconds since the Unix epoch, as `Date.now()` returns it. */
  date(): number;
  /** Calls `run` once, after `ms` milliseconds. */
  after(ms: number, run: () => void): Cancel;
  /** Calls `run` every `ms` milliseconds. */
  every(ms: number, run: () => void): Cancel;
}

/** Stops a timer. Idempotent, also after the timer has fired. */
export type Cancel = () => void;

export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  every(ms, run) {
    const timer = setInterval(run, ms);
    return () => clearInterval(timer);
  },
};

/** Emits once, after `ms` milliseconds. */
export function elapsed(clock: Clock, ms: number): Observable<void> {
  return new Observable((subscriber) => clock.after(ms, () => subscriber.next()));
}
