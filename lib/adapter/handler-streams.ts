import { type Observable, Subscription } from 'rxjs';

/** What is done with a stream that a handler returned. None of them may throw. */
export interface StreamObserver {
  next(value: unknown): void;
  error(error: unknown): void;
  complete(): void;
}

/**
 * The streams of one connection that have not ended. Any interceptor makes a stream of every result, so there is one
 * for each message: nothing of it is left here once it has ended.
 */
export class HandlerStreams {
  private readonly running = new Set<Subscription>();

  /** @param onTeardownError what the teardown of a stream throws, such as a callback of `finalize` */
  constructor(private readonly onTeardownError: (error: unknown) => void) {}

  /** Resolves when the stream has ended: it has completed or failed, or its client has gone. Never rejects. */
  follow(stream$: Observable<unknown>, observer: StreamObserver): Promise<void> {
    return new Promise((resolve) => {
      const subscription = new Subscription(() => {
        this.running.delete(subscription);
        resolve();
      });
      this.running.add(subscription);
      const fail = (error: unknown): void => {
        if (!subscription.closed) observer.error(error);
        this.end(subscription);
      };
      try {
        const source = stream$.subscribe({
          next: (value) => {
            if (!subscription.closed) observer.next(value);
          },
          error: fail,
          complete: () => {
            if (!subscription.closed) observer.complete();
            this.end(subscription);
          },
        });
        // It may have ended already: then this unsubscribes at once.
        subscription.add(source);
      } catch (error) {
        // Observables of RxJS report what their `subscribe` throws to the observer; those of other libraries may not.
        fail(error);
      }
    });
  }

  /** The client has gone. */
  close(): void {
    for (const subscription of this.running) this.end(subscription);
  }

  /** What a teardown throws would otherwise end the process, and keep the other streams from ending. */
  private end(subscription: Subscription): void {
    try {
      subscription.unsubscribe();
    } catch (error) {
      this.onTeardownError(error);
    }
  }
}
