import { Observable } from 'rxjs';

/** Limits how many values are emitted per turn of the event loop. */
export interface TurnLimit<T> {
  readonly max: number;
  /** Creates the value that replaces those beyond `max`. */
  readonly dropped: (count: number) => T;
}

/**
 * Emits the values of a source in the next turn of the event loop. A listener may cause the next value itself, for example
 * a listener of `errors$` that emits while Redis is down. With one round per turn, it cannot block the event loop. When the
 * source completes, the remaining values are emitted first.
 */
export function oncePerTurn<T>(source: Observable<T>, limit?: TurnLimit<T>): Observable<T> {
  return new Observable<T>((subscriber) => {
    let waiting: T[] = [];
    let excess = 0;
    let scheduled: NodeJS.Immediate | undefined;
    const flush = (): void => {
      const values = waiting;
      if (limit && excess > 0) values.push(limit.dropped(excess));
      waiting = [];
      excess = 0;
      scheduled = undefined;
      for (const value of values) subscriber.next(value);
    };
    const subscription = source.subscribe({
      next: (value) => {
        if (!limit || waiting.length < limit.max) waiting.push(value);
        else excess++;
        scheduled ??= setImmediate(flush);
      },
      complete: () => {
        clearImmediate(scheduled);
        flush();
        subscriber.complete();
      },
    });
    return () => {
      clearImmediate(scheduled);
      subscription.unsubscribe();
    };
  });
}
