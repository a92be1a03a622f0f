import { ClientFrame } from './client-frame.js';
import type { ClientProtocol } from './client-protocol.js';
import { protocolOfCode } from './client-protocols.js';
import type { Payload } from './message-record.js';

/** One message in the form of each client protocol, each form made and framed at most once, when it is first needed. */
export abstract class MessageFrames {
  /** By the protocol's code. */
  private readonly frames: (ClientFrame | undefined)[] = [];

  /** A message of this server's own. */
  static of(message: unknown): MessageFrames {
    return new OwnMessageFrames(message);
  }

  /** A message of another server's. The bytes may be views: they are copied when they are first used. */
  static received(payloads: readonly Payload[]): MessageFrames {
    return new ReceivedMessageFrames(payloads);
  }

  /** @throws what the protocol throws for a value that it has no form for */
  for(protocol: ClientProtocol): ClientFrame {
    return (this.frames[protocol.code] ??= this.make(protocol));
  }

  payloads(protocols: readonly ClientProtocol[]): Payload[] {
    return protocols.map((protocol) => ({ protocol: protocol.code, bytes: this.for(protocol).payload }));
  }

  protected abstract make(protocol: ClientProtocol): ClientFrame;
}

class OwnMessageFrames extends MessageFrames {
  constructor(private readonly message: unknown) {
    super();
  }

  protected make(protocol: ClientProtocol): ClientFrame {
    return protocol.encode(this.message);
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
      if (protocol) return protocol.decode(bytes);
    }
    throw new TypeError('a message in none of the client protocols that this release knows');
  }
}
