import { Observable, type Observer, Subscriber, type Subscription } from 'rxjs';

type Next<T> = (value: T) => void;

/** The methods that tell a subscriber from an observer, as in RxJS itself. A Subject has no `add`. */
const SUBSCRIBER_METHODS = ['next', 'error', 'complete', 'add', 'remove', 'unsubscribe'] as const;

/**
 * An observable whose listeners cannot crash the process. If a callback passed to `subscribe` throws, or rejects because it
 * is async, the error is reported. RxJS would rethrow it asynchronously, where nothing can catch it. Errors in operators
 * after `pipe` go to the subscriber of that pipeline, as usual.
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
    // A subscriber belongs to an operator, and RxJS passes its errors on.
    if (isSubscriber(observerOrNext)) return super.subscribe(observerOrNext);
    // Call them as methods, because some observers, such as a Subject, need their `this`.
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

/**
 * Whether it is a subscriber, possibly from another copy of RxJS. RxJS registers the source with it through `add`, so that
 * unsubscribing it also unsubscribes the source.
 */
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
