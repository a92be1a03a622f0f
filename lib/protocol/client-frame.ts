/** WebSocket opcodes (RFC 6455, section 5.2), with the FIN bit set. */
const FIN_TEXT = 0x81;
const FIN_BINARY = 0x82;
const MAX_HEADER = 10;

/**
 * One message for clients as a complete WebSocket frame. It is encoded once for any number of sockets, because frames
 * from a server are not masked and therefore identical.
 */
export class ClientFrame {
  private constructor(
    /** The complete WebSocket frame, ready to be written to a socket. */
    readonly wire: Buffer,
    private readonly start: number,
    readonly binary: boolean,
  ) {}

  /** The payload of the frame. A view of `wire`, not a copy. */
  get payload(): Buffer {
    return this.wire.subarray(this.start);
  }

  /** Frames a text message. */
  static text(text: string): ClientFrame {
    const size = Buffer.byteLength(text);
    const [wire, start] = allocate(size, FIN_TEXT);
    // As many bytes as characters means ASCII, which latin1 writes in half the time.
    wire.write(text, start, size, size === text.length ? 'latin1' : 'utf8');
    return new ClientFrame(wire, start, false);
  }

  /** Frames an encoded payload. Copies it, because it may be a view of a much larger buffer. */
  static of(payload: Uint8Array, binary: boolean): ClientFrame {
    const [wire, start] = allocate(payload.length, binary ? FIN_BINARY : FIN_TEXT);
    wire.set(payload, start);
    return new ClientFrame(wire, start, binary);
  }

  /** Frames a payload that consists of several parts. */
  static join(parts: readonly Uint8Array[], binary: boolean): ClientFrame {
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    const [wire, start] = allocate(size, binary ? FIN_BINARY : FIN_TEXT);
    let position = start;
    for (const part of parts) {
      wire.set(part, position);
      position += part.length;
    }
    return new ClientFrame(wire, start, binary);
  }
}

function allocate(size: number, opcode: number): [wire: Buffer, start: number] {
  const wide = size > 0xffff;
  const start = wide ? MAX_HEADER : size > 125 ? 4 : 2;
  const wire = Buffer.allocUnsafe(start + size);
  wire[0] = opcode;
  if (wide) {
    wire[1] = 127;
    wire.writeUIntBE(0, 2, 2);
    wire.writeUIntBE(size, 4, 6);
  } else if (start === 4) {
    wire[1] = 126;
    wire.writeUInt16BE(size, 2);
  } else {
    wire[1] = size;
  }
  return [wire, start];
}
