/** The bytes end in the middle of a field, or a field is invalid. Callers of the decoders catch it; users never see it. */
export class MalformedBytesError extends Error {
  override readonly name = 'MalformedBytesError';
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const MAX_VARINT_BYTES = 7;

/** Reads the fields that a {@link ByteWriter} wrote, in order. Throws MalformedBytesError if a field is cut off or invalid. */
export class ByteReader {
  private position = 0;

  constructor(private readonly buffer: Buffer) {}

  get atEnd(): boolean {
    return this.position >= this.buffer.length;
  }

  u8(): number {
    const value = this.buffer[this.position];
    if (value === undefined) throw new MalformedBytesError('the bytes end early');
    this.position++;
    return value;
  }

  varint(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < MAX_VARINT_BYTES; count++) {
      const byte = this.u8();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 0x80;
    }
    throw new MalformedBytesError('an integer has more than 7 bytes');
  }

  /**
   * A varint that counts the items that follow. Each item takes at least one byte, so a count greater than the number of
   * bytes left is malformed. This keeps a forged count from causing a long loop.
   */
  count(): number {
    const value = this.varint();
    if (value > this.buffer.length - this.position)
      throw new MalformedBytesError('a count is greater than the number of bytes left');
    return value;
  }

  string(): string {
    const bytes = this.bytes();
    // Most names are short and ASCII, and decoding latin1 is several times faster than the strict UTF-8 decoder.
    if (isAscii(bytes)) return bytes.toString('latin1');
    try {
      return UTF8.decode(bytes);
    } catch {
      throw new MalformedBytesError('a string is not UTF-8');
    }
  }

  strings(): string[] {
    return Array.from({ length: this.count() }, () => this.string());
  }

  /** A view of the bytes, not a copy. */
  bytes(): Buffer {
    return this.raw(this.varint());
  }

  /** Everything that has not been read yet. */
  rest(): Buffer {
    return this.raw(this.buffer.length - this.position);
  }

  raw(length: number): Buffer {
    const end = this.position + length;
    if (end > this.buffer.length) throw new MalformedBytesError('the bytes end early');
    const view = this.buffer.subarray(this.position, end);
    this.position = end;
    return view;
  }
}

function isAscii(bytes: Buffer): boolean {
  for (let i = 0; i < bytes.length; i++) if ((bytes[i] as number) > 0x7f) return false;
  return true;
}
