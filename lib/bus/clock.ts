import { Observable } from 'rxjs';

/**
 * The time as `bus/` and `routing/` see it. Tests pass a clock of their own, so a test of an outage that lasts minutes
 * takes milliseconds. Sockets and Redis links keep real time, because the other end of them does.
 */
export interface Clock {
  /** Milliseconds since some moment in the past. Never goes back, and does not follow changes of the system time. */
  now(): number;
  /** The system time, in milliseconds as `Date.now()` counts them. */
  date(): number;
  /** Calls `run` once, after so many milliseconds. */
  after(ms: number, run: () => void): Cancel;
  /** Calls `run` every so many milliseconds. */
  every(ms: number, run: () => void): Cancel;
}

/** Stops a timer. Does nothing when it has run or was stopped before. */
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

/** Emits once, after so many milliseconds. */
export function elapsed(clock: Clock, ms: number): Observable<void> {
  return new Observable((subscriber) => clock.after(ms, () => subscriber.next()));
}
