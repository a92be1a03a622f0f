import { Observable, type Subscriber, takeWhile, type TeardownLogic } from 'rxjs';
import type { Reply } from './reply.js';

/** Private members of the Observable that `source.pipe(operator)` returns. A contract test pins them. */
interface Piped {
  readonly source: Observable<unknown> | undefined;
  readonly operator:
    { call(subscriber: Subscriber<unknown>, source: Observable<unknown>): TeardownLogic } | undefined;
}

/**
 * Returns a handler's stream, changed so that its errors are handled in the context of the message that it replies to.
 *
 * Nest pipes the stream through `catchError`, which calls the exception filters. That runs in the context of the code that
 * makes the stream fail. With a shared subject, this is the handler of another message, or no handler. So the error is
 * intercepted before `catchError` gets it.
 */
export function failingWithin(reply: Reply, stream$: Observable<unknown>): Observable<unknown> {
  const { source, operator }: Piped = stream$;
  if (!source || !operator) return stream$;
  const within = new Observable<unknown>((subscriber) =>
    // A synchronous source ends only if an operator unsubscribes from it.
    source.pipe(takeWhile(() => !subscriber.closed)).subscribe({
      next: (value) => subscriber.next(value),
      error: (error) => reply.run(() => subscriber.error(error)),
      complete: () => subscriber.complete(),
    }),
  );
  return new Observable((subscriber) => operator.call(subscriber, within));
}
