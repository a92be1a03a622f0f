import { INTERNAL_ERROR } from '../broadcast/exception-payload.js';
import type { FrameId } from '../protocol/client-message.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import { MessageFrames } from '../protocol/message-frames.js';
import type { LocalConnection } from '../routing/local-connection.js';
import { replyOf, valueIn } from './handler-result.js';
import { Reply } from './reply.js';

/** The reply to a plain client's frame with an `id`. */
export class PlainReply extends Reply {
  private sent = false;

  constructor(
    connection: LocalConnection,
    private readonly id: FrameId,
    /** Called with the reason if the client's protocol cannot carry the output. The client then gets {@link INTERNAL_ERROR}. */
    private readonly onUnsendable: (reason: unknown) => void,
  ) {
    super(connection);
  }

  /** @param result the handler's result. The reply to `{ event, data }` is the data; the reply to `undefined` is null. */
  override result(result: unknown): void {
    if (this.sent || !this.connection.isWritable) return;
    try {
      this.send({ id: this.id, data: replyOf(result, this.protocol) });
    } catch (reason) {
      this.onUnsendable(reason);
      this.send({ id: this.id, error: INTERNAL_ERROR });
    }
  }

  override fail(error: unknown): boolean {
    if (this.sent) return false;
    // Encoding would be wasted work, because the frame could not be written.
    if (!this.connection.isWritable) return true;
    try {
      this.send({ id: this.id, error: valueIn(this.protocol, error) ?? INTERNAL_ERROR });
    } catch (reason) {
      this.onUnsendable(reason);
      this.send({ id: this.id, error: INTERNAL_ERROR });
    }
    return true;
  }

  private get protocol(): ClientProtocol {
    return this.connection.dialect.protocol;
  }

  private send(frame: { readonly id: FrameId; readonly data?: unknown; readonly error?: unknown }): void {
    const encoded = MessageFrames.of(frame).for(this.protocol);
    this.sent = true;
    this.connection.sink.write(encoded, false);
  }
}
