import { AsyncLocalStorage } from 'node:async_hooks';
import { INTERNAL_ERROR } from '../broadcast/exception-payload.js';
import type { FrameId } from '../protocol/client-message.js';
import { MessageFrames } from '../protocol/message-frames.js';
import type { LocalConnection } from '../routing/local-connection.js';
import { replyOf, valueIn } from './handler-result.js';

/**
 * The frame whose handler is running. Nest's exception filters see only the client, so the `exception` that they emit finds
 * its frame through this storage. Work that a handler leaves running keeps the frame, even after the reply was sent.
 */
const underWay = new AsyncLocalStorage<FrameReply>();

/** The reply to a client's frame with an `id`. Sends only the first result or error that it gets. Never throws. */
export class FrameReply {
  private sent = false;

  constructor(
    private readonly connection: LocalConnection,
    private readonly id: FrameId,
    /** Called with the reason if the client's protocol cannot carry the output. The client then gets {@link INTERNAL_ERROR}. */
    private readonly onUnsendable: (reason: unknown) => void,
  ) {}

  /** The frame of this connection whose handler is calling; `undefined` for a frame without an `id`, and outside of handlers. */
  static underWay(connection: LocalConnection): FrameReply | undefined {
    const frame = underWay.getStore();
    return frame?.connection === connection ? frame : undefined;
  }

  /** Runs a part of the frame's handling. {@link underWay} returns this frame in all code that it calls, now or later. */
  run<Args extends unknown[], R>(handle: (...args: Args) => R, ...args: Args): R {
    return underWay.run(this, handle, ...args);
  }

  /** @param result the handler's result. For `{ event, data }` the reply is the data, and for `undefined` it is null. */
  result(result: unknown): void {
    if (this.sent || !this.connection.isWritable) return;
    try {
      this.send({ id: this.id, data: replyOf(result, this.connection.protocol) });
    } catch (reason) {
      this.onUnsendable(reason);
      this.send({ id: this.id, error: INTERNAL_ERROR });
    }
  }

  /** @returns false if the frame already has a reply */
  fail(error: unknown): boolean {
    if (this.sent) return false;
    // Encoding would be wasted, because the frame could not be written.
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
