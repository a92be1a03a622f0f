import type { FrameContext } from '../broadcast/frame-context.js';
import { INTERNAL_ERROR } from '../broadcast/exception-payload.js';
import type { FrameId } from '../protocol/client-message.js';
import { MessageFrames } from '../protocol/message-frames.js';
import type { LocalConnection } from '../routing/local-connection.js';
import { answerOf, valueIn } from './handler-result.js';

/** The answer to a client's frame with an `id`. Only the first one is sent, always with `data` or `error`. Never throws. */
export class FrameAnswer implements FrameContext {
  private sent = false;

  constructor(
    private readonly local: LocalConnection,
    private readonly id: FrameId,
    /** Called with the reason when a result or an error has no form in the client's protocol. */
    private readonly onUnsendable: (reason: unknown) => void,
  ) {}

  get connectionId(): string {
    return this.local.id;
  }

  /** @param result what a handler gave: its `{ event, data }` answers with the data, nothing with null */
  result(result: unknown): void {
    if (this.sent || !this.local.isWritable) return;
    try {
      this.send({ id: this.id, data: answerOf(result, this.local.protocol) });
    } catch (reason) {
      this.onUnsendable(reason);
      this.send({ id: this.id, error: INTERNAL_ERROR });
    }
  }

  /** @returns false when the frame has been answered already */
  fail(error: unknown): boolean {
    if (this.sent) return false;
    // What cannot be written is not encoded either.
    if (!this.local.isWritable) return true;
    try {
      this.send({ id: this.id, error: valueIn(this.local.protocol, error) ?? INTERNAL_ERROR });
    } catch (reason) {
      this.onUnsendable(reason);
      this.send({ id: this.id, error: INTERNAL_ERROR });
    }
    return true;
  }

  private send(frame: { readonly id: FrameId; readonly data?: unknown; readonly error?: unknown }): void {
    const encoded = MessageFrames.of(frame).for(this.local.protocol);
    this.sent = true;
    this.local.sink.write(encoded, false);
  }
}
