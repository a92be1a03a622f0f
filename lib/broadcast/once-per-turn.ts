import { Observable } from 'rxjs';

/** More values in one turn are only counted: a listener gets no use of them, and they would fill the memory. */
const MAX_PER_TURN = 1000;

/**
 * Hands the values of a source on in the next turn of the event loop. A listener that causes the next value by itself,
 * such as one of `errors$` that emits while Redis is down, so gets one round per turn, and does not block the loop.
 *
 * @param dropped makes the value that stands for those beyond 1000 in one turn
 */
export function oncePerTurn<T>(source: Observable<T>, dropped: (count: number) => T): Observable<T> {
  return new Observable<T>((subscriber) => {
    let waiting: T[] = [];
    let excess = 0;
    let scheduled: NodeJS.Immediate | undefined;
    const flush = (): void => {
      const values = waiting;
      if (excess > 0) values.push(dropped(excess));
      waiting = [];
      excess = 0;
      scheduled = undefined;
      for (const value of values) subscriber.next(value);
    };
    const subscription = source.subscribe({
      next: (value) => {
        if (waiting.length < MAX_PER_TURN) waiting.push(value);
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
