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
 * Streams that handlers returned for a frame with an `id`. One may fail where the context is another's, such as
 * that of a shared subject: Nest's filter then emits `exception` to the client and, in the same tick, ends the
 * stream. That exception is the answer to the frame.
 */
class PendingStreams {
  private readonly counts = new Map<string, number>();
  private offered: { readonly connectionId: string; readonly error: unknown } | undefined;

  opened(connectionId: string): void {
    this.counts.set(connectionId, (this.counts.get(connectionId) ?? 0) + 1);
  }

  closed(connectionId: string): void {
    const left = (this.counts.get(connectionId) ?? 0) - 1;
    if (left > 0) this.counts.set(connectionId, left);
    else this.counts.delete(connectionId);
  }

  /** An exception outside of any frame's context. @returns false when no stream can have caused it */
  offer(connectionId: string, error: unknown, unclaimed: () => void): boolean {
    if (!this.counts.has(connectionId)) return false;
    const offer = { connectionId, error };
    this.offered = offer;
    queueMicrotask(() => {
      if (this.offered !== offer) return;
      this.offered = undefined;
      unclaimed();
    });
    return true;
  }

  /** A stream of this connection ends. @returns the exception that it ended with */
  claim(connectionId: string): { readonly error: unknown } | undefined {
    if (this.offered?.connectionId !== connectionId) return undefined;
    const { offered } = this;
    this.offered = undefined;
    return offered;
  }
}

export const pendingStreams = new PendingStreams();
