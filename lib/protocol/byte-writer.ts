import { shown } from './invalid-argument.error.js';

const INITIAL_SIZE = 256;
/** The largest integer that fits into seven bytes, which is the longest varint that {@link ByteReader} accepts. */
const MAX_VARINT = 2 ** 49 - 1;

/** Appends fields to a buffer that grows as needed. {@link ByteReader} reads them. */
export class ByteWriter {
  private buffer: Buffer;
  private length = 0;

  constructor(sizeHint = INITIAL_SIZE) {
    this.buffer = Buffer.allocUnsafe(sizeHint);
  }

  u8(value: number): this {
    this.reserve(1);
    this.buffer[this.length++] = value;
    return this;
  }

  /** Reserves bytes that the caller fills in later. */
  skip(size: number): this {
    this.reserve(size);
    this.length += size;
    return this;
  }

  /**
   * An unsigned LEB128 integer: 7 bits per byte, low bits first.
   *
   * @throws RangeError if the value is not an integer from 0 to 2^49 - 1
   */
  varint(value: number): this {
    if (!Number.isInteger(value) || value < 0 || value > MAX_VARINT)
      throw new RangeError(`${shown(value)} is not an unsigned integer of 49 bits`);
    this.reserve(8);
    while (value > 0x7f) {
      this.buffer[this.length++] = (value % 0x80) | 0x80;
      value = Math.floor(value / 0x80);
    }
    this.buffer[this.length++] = value;
    return this;
  }

  /** A string: its length in UTF-8 bytes as a varint, then the bytes. */
  string(value: string): this {
    if (value === '') return this.varint(0);
    const size = Buffer.byteLength(value);
    this.varint(size);
    this.reserve(size);
    this.length += this.buffer.write(value, this.length, size);
    return this;
  }

  /** A count, then the strings. */
  strings(values: readonly string[]): this {
    this.varint(values.length);
    for (const value of values) this.string(value);
    return this;
  }

  /** The length as a varint, then the bytes. */
  bytes(value: Uint8Array): this {
    return this.varint(value.length).raw(value);
  }

  /** Bytes without their length. The reader must know where they end. */
  raw(value: Uint8Array): this {
    this.reserve(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
    return this;
  }

  finish(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  private reserve(size: number): void {
    const needed = this.length + size;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }
}
