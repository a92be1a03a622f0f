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
