import { Observable, type Observer, Subscriber, type Subscription } from 'rxjs';

type Next<T> = (value: T) => void;

/** What RxJS itself tells a subscriber from an observer by. A Subject has no `add`. */
const SUBSCRIBER_METHODS = ['next', 'error', 'complete', 'add', 'remove', 'unsubscribe'] as const;

/**
 * An observable whose direct listeners cannot end the process: what a callback given to `subscribe` throws, or
 * rejects with where it is async, is reported. RxJS would rethrow it out of reach of everybody. What throws in a
 * pipeline behind `pipe` is the pipeline's own, and goes to its subscriber as always.
 */
export class GuardedObservable<T> extends Observable<T> {
  constructor(
    inner: Observable<T>,
    private readonly report: (error: unknown) => void,
  ) {
    super((subscriber) => inner.subscribe(subscriber));
  }

  override subscribe(observer?: Partial<Observer<T>> | Next<T> | null): Subscription;
  override subscribe(
    next?: Next<T> | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription;
  override subscribe(
    observerOrNext?: Partial<Observer<T>> | Next<T> | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    // RxJS has its own way for errors of an operator's subscriber.
    if (isSubscriber(observerOrNext)) return super.subscribe(observerOrNext);
    // Called as methods: a Subject, say, is nothing without its `this`.
    const observer: Partial<Observer<T>> =
      typeof observerOrNext === 'object' && observerOrNext !== null
        ? observerOrNext
        : fromCallbacks(observerOrNext, error, complete);
    return super.subscribe({
      next: (value) => this.guard(() => observer.next?.(value)),
      error: (cause: unknown) => this.guard(() => observer.error?.(cause)),
      complete: () => this.guard(() => observer.complete?.()),
    });
  }

  private guard(call: () => unknown): void {
    try {
      const result = call();
      if (result instanceof Promise) result.catch((error: unknown) => this.report(error));
    } catch (error) {
      this.report(error);
    }
  }
}

/** Also one of another copy of RxJS: it must see its source unsubscribed when it is, which `add` is for. */
function isSubscriber<T>(
  observer: Partial<Observer<T>> | Next<T> | null | undefined,
): observer is Subscriber<T> {
  if (observer instanceof Subscriber) return true;
  if (typeof observer !== 'object' || observer === null) return false;
  const methods = observer as Partial<Record<keyof Subscriber<T>, unknown>>;
  return SUBSCRIBER_METHODS.every((name) => typeof methods[name] === 'function');
}

function fromCallbacks<T>(
  next?: Next<T> | null,
  error?: ((error: unknown) => void) | null,
  complete?: (() => void) | null,
): Partial<Observer<T>> {
  return { ...(next && { next }), ...(error && { error }), ...(complete && { complete }) };
}
