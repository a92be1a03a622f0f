import type { FrameId } from '../protocol/client-message.js';
import { MessageFrames } from '../protocol/message-frames.js';
import { Delivery } from '../routing/delivery.js';
import type { LocalConnection } from '../routing/local-connection.js';

/** The answer to a client's frame with an `id`: sent once, whoever comes first. */
export class FrameAnswer {
  private sent = false;

  constructor(
    private readonly local: LocalConnection,
    private readonly id: FrameId,
  ) {}

  /** @param result what a handler gave: its `{ event, data }` answers with the data, nothing with null */
  result(result: unknown): void {
    this.send({ id: this.id, data: dataOf(result) });
  }

  error(error: unknown): void {
    this.send({ id: this.id, error });
  }

  private send(frame: { readonly id: FrameId; readonly data?: unknown; readonly error?: unknown }): void {
    if (this.sent) return;
    const encoded = MessageFrames.of(frame).for(this.local.protocol);
    this.sent = true;
    this.local.sink.write(encoded, false);
  }
}

function dataOf(result: unknown): unknown {
  if (result === undefined || result === null || result instanceof Delivery) return null;
  const isEvent = typeof result === 'object' && 'event' in result && 'data' in result;
  return isEvent ? result.data : result;
}
