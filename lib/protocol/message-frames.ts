import { ClientFrame } from './client-frame.js';
import type { ClientProtocol } from './client-protocol.js';
import { protocolOfCode } from './client-protocols.js';
import { type Dialect, EVENT, type FrameShape } from './dialect.js';
import type { Payload } from './message-record.js';
import { NO_PAYLOAD_LIMITS } from './payload-limits.js';
import { UnsendableDataError } from './unsendable-data.error.js';

/** One event or request, as a frame for each dialect. Each frame is created once, on first use. */
export abstract class MessageFrames {
  /** By the dialect's code: the frame, or the error if the dialect cannot represent the message. */
  private readonly frames: (ClientFrame | Error | undefined)[] = [];

  constructor(
    /** Tells other dialects how to interpret the frames of plain clients. */
    readonly shape: FrameShape,
  ) {}

  /** The frames of a message that this server sends. */
  static of(message: unknown, shape = EVENT): MessageFrames {
    return new OwnMessageFrames(message, shape);
  }

  /** The frames of a message from another server. The payloads may be views, because the frames copy them on first use. */
  static received(payloads: readonly Payload[], shape = EVENT): MessageFrames {
    return new ReceivedMessageFrames(payloads, shape);
  }

  /** The frame for this protocol. Throws UnsendableDataError for data that the protocol cannot represent. */
  for(protocol: ClientProtocol): ClientFrame {
    const frame = this.attempt(protocol);
    if (frame instanceof ClientFrame) return frame;
    throw frame;
  }

  /**
   * The frame for this protocol, or the error that prevented it. Never throws, so a message that one protocol cannot
   * represent still reaches the clients of the others.
   */
  attempt(protocol: ClientProtocol): ClientFrame | Error {
    return this.frames[protocol.code] ?? (this.frames[protocol.code] = this.tryMake(protocol));
  }

  /** The frame for clients of this dialect, or the error that prevented it. Never throws. */
  attemptFor(dialect: Dialect): ClientFrame | Error {
    return this.frames[dialect.code] ?? (this.frames[dialect.code] = this.tryDerive(dialect));
  }

  /**
   * The payloads in those of the given protocols that can represent the message.
   *
   * @throws UnsendableDataError if none of them can
   */
  payloads(protocols: readonly ClientProtocol[]): Payload[] {
    const payloads: Payload[] = [];
    for (const protocol of protocols) {
      const frame = this.attempt(protocol);
      if (frame instanceof ClientFrame) payloads.push({ protocol: protocol.code, bytes: frame.payload });
    }
    const [first] = protocols;
    if (payloads.length === 0 && first) this.for(first);
    return payloads;
  }

  protected abstract make(protocol: ClientProtocol): ClientFrame;

  private tryMake(protocol: ClientProtocol): ClientFrame | Error {
    try {
      return this.make(protocol);
    } catch (error) {
      return errorOf(error, protocol.name);
    }
  }

  private tryDerive(dialect: Dialect): ClientFrame | Error {
    const frame = this.attempt(dialect.protocol);
    if (frame instanceof Error) return frame;
    try {
      return dialect.derive(frame, this.shape);
    } catch (error) {
      return errorOf(error, dialect.name);
    }
  }
}

function errorOf(error: unknown, name: string): Error {
  return error instanceof Error ? error : new TypeError(`The message cannot be encoded as ${name}.`);
}

class OwnMessageFrames extends MessageFrames {
  constructor(
    private readonly message: unknown,
    shape: FrameShape,
  ) {
    super(shape);
  }

  protected make(protocol: ClientProtocol): ClientFrame {
    try {
      return protocol.encode(this.message);
    } catch (cause) {
      throw new UnsendableDataError(protocol.name, cause);
    }
  }
}

class ReceivedMessageFrames extends MessageFrames {
  constructor(
    private readonly received: readonly Payload[],
    shape: FrameShape,
  ) {
    super(shape);
  }

  protected make(protocol: ClientProtocol): ClientFrame {
    const same = this.received.find(({ protocol: code }) => code === protocol.code);
    if (same) return ClientFrame.of(same.bytes, protocol.binary);
    // The sender is configured with fewer protocols. Without a conversion, this server would drop the message.
    return protocol.encode(this.decode());
  }

  private decode(): unknown {
    for (const { protocol: code, bytes } of this.received) {
      const protocol = protocolOfCode(code);
      if (!protocol) continue;
      if (protocol.check(bytes, NO_PAYLOAD_LIMITS))
        throw new TypeError(`The payload of a received message is not valid ${protocol.name}.`);
      return protocol.decode(bytes);
    }
    throw new TypeError('A received message has no payload in a client protocol that this release supports.');
  }
}
