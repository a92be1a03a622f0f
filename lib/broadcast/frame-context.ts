import { AsyncLocalStorage } from 'node:async_hooks';
import { Delivery } from '../routing/delivery.js';

/** A client's frame with an `id`, while its handler runs: the client waits for an answer. */
export interface FrameContext {
  readonly connectionId: string;
  /** Answers the frame with an error. @returns false when it has been answered already */
  fail(error: unknown): boolean;
}

/**
 * The frame being handled. Nest's exception filters see only the client: what they emit to it as `exception`
 * is the answer to the frame that failed, which is found here. Work that a handler leaves running has this context
 * too, also after the frame was answered.
 */
export const frameContext = new AsyncLocalStorage<FrameContext>();

/** An exception that may be the end of a stream. */
interface Offer {
  readonly connectionId: string;
  /** It is the end of this frame's stream. */
  answer(frame: FrameContext): void;
  /** It is not. */
  release(): void;
}

/**
 * Streams that handlers returned for a frame with an `id`. One may fail where the context is another's, such as
 * that of a shared subject, or of another frame: Nest's filter then emits `exception` to the client and, in the same
 * tick, ends the stream. That exception is the answer to the frame of the stream.
 */
class PendingStreams {
  private readonly counts = new Map<string, number>();
  private offered: Offer | undefined;

  opened(connectionId: string): void {
    this.counts.set(connectionId, (this.counts.get(connectionId) ?? 0) + 1);
  }

  closed(connectionId: string): void {
    const left = (this.counts.get(connectionId) ?? 0) - 1;
    if (left > 0) this.counts.set(connectionId, left);
    else this.counts.delete(connectionId);
  }

  has(connectionId: string): boolean {
    return this.counts.has(connectionId);
  }

  /**
   * An exception for a connection that has streams: one of them may end with it.
   *
   * @param otherwise sends it where no stream claims it in this tick, or where the stream's frame has been answered
   */
  offer(connectionId: string, error: unknown, otherwise: () => Promise<Delivery>): Promise<Delivery> {
    this.release();
    const outcome = new Promise<Delivery>((resolve) => {
      const offer: Offer = {
        connectionId,
        answer: (frame) => resolve(frame.fail(error) ? new Delivery(1, 'notNeeded') : otherwise()),
        release: () => resolve(otherwise()),
      };
      this.offered = offer;
      queueMicrotask(() => {
        if (this.offered === offer) this.release();
      });
    });
    // As with every emit, a promise that nobody awaits is no unhandled rejection.
    outcome.catch(() => undefined);
    return outcome;
  }

  /** The stream of this frame ends. @returns whether it ends with an exception, which is dealt with then */
  claim(frame: FrameContext): boolean {
    const { offered } = this;
    if (offered?.connectionId !== frame.connectionId) return false;
    this.offered = undefined;
    offered.answer(frame);
    return true;
  }

  /** Of several exceptions in one tick only the last can be what ended a stream. */
  private release(): void {
    const { offered } = this;
    this.offered = undefined;
    offered?.release();
  }
}

export const pendingStreams = new PendingStreams();
