import { AsyncLocalStorage } from 'node:async_hooks';
import { INTERNAL_ERROR } from '../broadcast/exception-payload.js';
import type { FrameId } from '../protocol/client-message.js';
import { MessageFrames } from '../protocol/message-frames.js';
import type { LocalConnection } from '../routing/local-connection.js';
import { answerOf, valueIn } from './handler-result.js';

/**
 * The frame whose handler is running. Nest's exception filters see only the client, so this is how the `exception` that
 * they emit finds the frame that failed. Work that a handler leaves running has it too, also after the frame was answered.
 */
const underWay = new AsyncLocalStorage<FrameAnswer>();

/** The answer to a client's frame with an `id`. Only the first one is sent, always with `data` or `error`. Never throws. */
export class FrameAnswer {
  private sent = false;

  constructor(
    private readonly connection: LocalConnection,
    private readonly id: FrameId,
    /** Called with the reason when a result or an error has no form in the client's protocol. */
    private readonly onUnsendable: (reason: unknown) => void,
  ) {}

  /** The frame of this connection whose handler calls; `undefined` for a frame without an `id`, and outside of handlers. */
  static underWay(connection: LocalConnection): FrameAnswer | undefined {
    const frame = underWay.getStore();
    return frame?.connection === connection ? frame : undefined;
  }

  /** Runs a part of the frame's handling: what it calls, now or later, finds the frame as the one that is under way. */
  run<Args extends unknown[], R>(handle: (...args: Args) => R, ...args: Args): R {
    return underWay.run(this, handle, ...args);
  }

  /** @param result what a handler gave: its `{ event, data }` answers with the data, nothing with null */
  result(result: unknown): void {
    if (this.sent || !this.connection.isWritable) return;
    try {
      this.send({ id: this.id, data: answerOf(result, this.connection.protocol) });
    } catch (reason) {
      this.onUnsendable(reason);
      this.send({ id: this.id, error: INTERNAL_ERROR });
    }
  }

  /** @returns false when the frame has been answered already */
  fail(error: unknown): boolean {
    if (this.sent) return false;
    // What cannot be written is not encoded either.
    if (!this.connection.isWritable) return true;
    try {
      this.send({ id: this.id, error: valueIn(this.connection.protocol, error) ?? INTERNAL_ERROR });
    } catch (reason) {
      this.onUnsendable(reason);
      this.send({ id: this.id, error: INTERNAL_ERROR });
    }
    return true;
  }

  private send(frame: { readonly id: FrameId; readonly data?: unknown; readonly error?: unknown }): void {
    const encoded = MessageFrames.of(frame).for(this.connection.protocol);
    this.sent = true;
    this.connection.sink.write(encoded, false);
  }
}
