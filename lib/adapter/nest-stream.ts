import { Observable, type Subscriber, type TeardownLogic } from 'rxjs';
import type { FrameAnswer } from './frame-answer.js';

/** What RxJS keeps of `source.pipe(operator)`, for its own use; a contract test pins it. */
interface Piped {
  readonly source: Observable<unknown> | undefined;
  readonly operator:
    { call(subscriber: Subscriber<unknown>, source: Observable<unknown>): TeardownLogic } | undefined;
}

/**
 * The stream of a handler, which when it fails does so within the frame that it answers.
 *
 * Nest pipes what a handler returns through `catchError`, where it asks the exception filters. That runs in the context of
 * whoever makes the stream fail: with a shared subject it is the handler of another frame, or none. So the error is taken
 * before it gets there.
 */
export function failingWithin(frame: FrameAnswer, stream$: Observable<unknown>): Observable<unknown> {
  const { source, operator }: Piped = stream$;
  if (!source || !operator) return stream$;
  const within = new Observable<unknown>((subscriber) =>
    source.subscribe({
      next: (value) => subscriber.next(value),
      error: (error) => frame.run(() => subscriber.error(error)),
      complete: () => subscriber.complete(),
    }),
  );
  return new Observable((subscriber) => operator.call(subscriber, within));
}
