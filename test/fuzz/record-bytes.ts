import { crc32 } from 'node:zlib';

/*
 * Envelopes and the fields of records, written down a second time from the layouts in lib/protocol: the fuzz test
 * must be able to write what the library's own encoders refuse to.
 */
const HEADER_LENGTH = 25;
const MAX_NUMBER = 2 ** 48 - 1;

export interface EnvelopeOptions {
  /** 12 bytes; shorter ones are filled up, longer ones cut off. */
  readonly origin: string;
  readonly number: number;
  readonly version?: number;
  readonly headerLength?: number;
}

/** An envelope whose checksum is right, whatever is in it. */
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
