import { AsyncLocalStorage } from 'node:async_hooks';

/** A client's frame with an `id`, while its handler runs: the client waits for an answer. */
export interface FrameContext {
  readonly connectionId: string;
  /** Answers the frame with an error, once. */
  fail(error: unknown): void;
}

/**
 * The frame being handled. Nest's exception filters see only the client: what they emit to it as `exception`
 * is the answer to the frame that failed, which is found here.
 */
export const frameContext = new AsyncLocalStorage<FrameContext>();

/**
 * The `exception` that was emitted last outside of any frame's context, until the end of the tick. A handler's
 * stream may fail where the context is another's: Nest then emits the exception and, in the same tick, ends the stream.
 */
class LastException {
  private last: { readonly connectionId: string; readonly error: unknown } | undefined;

  remember(connectionId: string, error: unknown): void {
    this.last = { connectionId, error };
    queueMicrotask(() => (this.last = undefined));
  }

  of(connectionId: string, then: (error: unknown) => void): void {
    if (this.last?.connectionId === connectionId) then(this.last.error);
  }
}

export const lastException = new LastException();
