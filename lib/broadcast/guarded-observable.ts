import { Observable, type Observer, Subscriber, type Subscription } from 'rxjs';

type Next<T> = (value: T) => void;

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
    // An operator's subscriber: RxJS has its own way for errors there.
    if (observerOrNext instanceof Subscriber) return super.subscribe(observerOrNext);
    const observer = typeof observerOrNext === 'function' ? { next: observerOrNext } : (observerOrNext ?? {});
    const guarded: Partial<Observer<T>> = {
      next: (value) => this.guard(() => observer.next?.(value)),
      error: (cause: unknown) => this.guard(() => (observer.error ?? error)?.(cause)),
      complete: () => this.guard(() => (observer.complete ?? complete)?.()),
    };
    return super.subscribe(guarded);
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
