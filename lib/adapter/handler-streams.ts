import { type Observable, Subscription } from 'rxjs';

/** Handles a stream that a handler returned. None of the methods may throw. */
export interface StreamObserver {
  next(value: unknown): void;
  error(error: unknown): void;
  complete(): void;
}

/**
 * The running streams of one connection. With an interceptor, Nest turns every result into a stream, so there may be one
 * for each message. That is why a stream is forgotten as soon as it ends.
 */
export class HandlerStreams {
  private readonly running = new Set<Subscription>();

  /** @param onTeardownError called with the error if the teardown of a stream throws, such as a callback of `finalize` */
  constructor(private readonly onTeardownError: (error: unknown) => void) {}

  /** Resolves when the stream has completed or failed, or its client has disconnected. Never rejects. */
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
        // If the stream has already ended, this unsubscribes at once.
        subscription.add(source);
      } catch (error) {
        // RxJS passes an error that is thrown in `subscribe` to the observer. Other libraries may throw it.
        fail(error);
      }
    });
  }

  /** Ends all streams, because the client has disconnected. */
  close(): void {
    for (const subscription of this.running) this.end(subscription);
  }

  /** Catches errors of the teardown. They would crash the process, and keep the other streams from ending. */
  private end(subscription: Subscription): void {
    try {
      subscription.unsubscribe();
    } catch (error) {
      this.onTeardownError(error);
    }
  }
}
