import { Observable } from 'rxjs';

/** Bounds what one turn hands on. */
export interface TurnLimit<T> {
  readonly max: number;
  /** Makes the value that stands for those beyond `max`, which are only counted. */
  readonly dropped: (count: number) => T;
}

/**
 * Hands the values of a source on in the next turn of the event loop. A listener that causes the next value by itself,
 * such as one of `errors$` that emits while Redis is down, so gets one round per turn, and does not block the loop.
 * What waits when the source completes is handed on before.
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
