import { crc32 } from 'node:zlib';

/*
 * A second implementation of the envelope and record layouts in lib/protocol, because the fuzz test must write bytes
 * that the library's own encoders refuse to write.
 */
const HEADER_LENGTH = 25;
const MAX_NUMBER = 2 ** 48 - 1;

export interface EnvelopeOptions {
  /** 12 bytes. Shorter values are padded, longer ones are cut off. */
  readonly origin: string;
  readonly number: number;
  readonly version?: number;
  readonly headerLength?: number;
}

/** An envelope with a valid checksum, whatever it contains. */
export function envelope(options: EnvelopeOptions, ...records: readonly Buffer[]): Buffer {
  const { origin, number, version = 1, headerLength = HEADER_LENGTH } = options;
  const head = Buffer.alloc(HEADER_LENGTH);
  head.set([0xb7, version, headerLength]);
  head.write(origin.padEnd(12, '_'), 7, 12, 'latin1');
  head.writeUIntBE(Math.min(number, MAX_NUMBER), 19, 6);
  return withChecksum(Buffer.concat([head, ...records]));
}

export function withChecksum(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.length >= 7) copy.writeUInt32BE(crc32(copy.subarray(7), crc32(copy.subarray(0, 3))), 3);
  return copy;
}

export function record(kind: number, ...fields: readonly Buffer[]): Buffer {
  const body = Buffer.concat(fields);
  return Buffer.concat([varint(body.length + 1), u8(kind), body]);
}

export function u8(value: number): Buffer {
  return Buffer.from([value & 0xff]);
}

/** An unsigned LEB128 integer. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left > 0x7f; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  return Buffer.from([...bytes, left]);
}

export function bytes(value: Buffer): Buffer {
  return Buffer.concat([varint(value.length), value]);
}

export function string(value: string): Buffer {
  return bytes(Buffer.from(value));
}

export function listOf(items: readonly Buffer[], claimed = items.length): Buffer {
  return Buffer.concat([varint(claimed), ...items]);
}
