import { ClientFrame } from './client-frame.js';
import type { ClientProtocol } from './client-protocol.js';
import { protocolOfCode } from './client-protocols.js';
import type { Payload } from './message-record.js';
import { NO_PAYLOAD_LIMITS } from './payload-limits.js';
import { UnsendableDataError } from './unsendable-data.error.js';

/** One message in the form of each client protocol, each form made and framed at most once, when it is first needed. */
export abstract class MessageFrames {
  /** By the protocol's code; an error where the message has no form in the protocol. */
  private readonly frames: (ClientFrame | Error | undefined)[] = [];

  /** A message of this server's own. */
  static of(message: unknown): MessageFrames {
    return new OwnMessageFrames(message);
  }

  /** A message of another server's. The bytes may be views: they are copied when they are first used. */
  static received(payloads: readonly Payload[]): MessageFrames {
    return new ReceivedMessageFrames(payloads);
  }

  /** @throws UnsendableDataError for data that has no form in the protocol */
  for(protocol: ClientProtocol): ClientFrame {
    const frame = this.attempt(protocol);
    if (frame instanceof ClientFrame) return frame;
    throw frame;
  }

  /** The frame, or why there is none. Never throws: a message that one protocol cannot carry reaches the clients of others. */
  attempt(protocol: ClientProtocol): ClientFrame | Error {
    return this.frames[protocol.code] ?? (this.frames[protocol.code] = this.tryToMake(protocol));
  }

  /**
   * The message in those of the protocols that can carry it.
   *
   * @throws UnsendableDataError when none of them can
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

  private tryToMake(protocol: ClientProtocol): ClientFrame | Error {
    try {
      return this.make(protocol);
    } catch (error) {
      return error instanceof Error ? error : new TypeError(`The message has no form as ${protocol.name}.`);
    }
  }
}

class OwnMessageFrames extends MessageFrames {
  constructor(private readonly message: unknown) {
    super();
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
  constructor(private readonly received: readonly Payload[]) {
    super();
  }

  protected make(protocol: ClientProtocol): ClientFrame {
    const same = this.received.find(({ protocol: code }) => code === protocol.code);
    if (same) return ClientFrame.of(same.bytes, protocol.binary);
    // A server with fewer protocols configured sent it: better made again here than lost for this client.
    return protocol.encode(this.decode());
  }

  private decode(): unknown {
    for (const { protocol: code, bytes } of this.received) {
      const protocol = protocolOfCode(code);
      if (!protocol) continue;
      if (protocol.check(bytes, NO_PAYLOAD_LIMITS))
        throw new TypeError(`a payload that is no ${protocol.name}`);
      return protocol.decode(bytes);
    }
    throw new TypeError('a message in none of the client protocols that this release knows');
  }
}
