import type { Random } from '../support/seed.js';
import type { Wire } from './values.js';

/** Format bytes with an 8, 16 and 32-bit length. Arrays and maps have no 8-bit form. */
const STRING = [0xd9, 0xda, 0xdb] as const;
const BINARY = [0xc4, 0xc5, 0xc6] as const;
const ARRAY = [undefined, 0xdc, 0xdd] as const;
const MAP = [undefined, 0xde, 0xdf] as const;
const EXT = [0xc7, 0xc8, 0xc9] as const;

type Formats = readonly [number | undefined, number, number];

/** A header that claims `length` elements or bytes, in the shortest format that fits. */
export function header(formats: Formats, length: number): Buffer {
  const [eight, sixteen, thirtyTwo] = formats;
  if (eight !== undefined && length <= 0xff) return Buffer.from([eight, length]);
  if (length <= 0xffff) return Buffer.from([sixteen, length >> 8, length & 0xff]);
  const wide = Buffer.alloc(5);
  wide[0] = thirtyTwo;
  wide.writeUInt32BE(length, 1);
  return wide;
}

export const arrayHeader = (length: number): Buffer => header(ARRAY, length);
export const mapHeader = (length: number): Buffer => header(MAP, length);

/** Headers that claim too much, unused format bytes, extensions, and timestamps with arbitrary content. */
const MALFORMED: readonly ((random: Random) => Buffer)[] = [
  (random) =>
    header(
      random.pick([STRING, BINARY, ARRAY, MAP, EXT]),
      random.pick([1, 200, 60_000, 2 ** 25, 2 ** 32 - 1]),
    ),
  // 0xc1 is the only format byte that MessagePack never uses.
  () => Buffer.from([0xc1]),
  (random) => Buffer.concat([header(EXT, 4), random.bytes(5)]),
  (random) =>
    Buffer.concat([
      Buffer.from([random.pick([0xd4, 0xd5, 0xd6, 0xd7, 0xd8]), random.below(256)]),
      random.bytes(16),
    ]),
  // Timestamps of 32, 64 and 96 bits, the last two with invalid seconds and nanoseconds.
  (random) => Buffer.concat([Buffer.from([0xd6, 0xff]), random.bytes(4)]),
  () => Buffer.concat([Buffer.from([0xd7, 0xff]), Buffer.alloc(8, 0xff)]),
  () => Buffer.concat([Buffer.from([0xc7, 12, 0xff]), Buffer.alloc(12, 0xff)]),
  // A string that is not valid UTF-8.
  (random) =>
    Buffer.concat([
      header(STRING, 2),
      Buffer.from(
        random.pick([
          [0xc3, 0x28],
          [0xed, 0xa0],
          [0xff, 0xff],
        ]),
      ),
    ]),
];

/** Encodes without recursion because values may be nested deeper than the call stack allows. */
export function msgpackBytes(random: Random, value: Wire): Buffer {
  const parts: Buffer[] = [];
  const waiting: Wire[] = [value];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next.kind === 'list') {
      parts.push(shortOr(0x90, ARRAY, next.items.length));
      waiting.push(...next.items.toReversed());
    } else if (next.kind === 'map') {
      parts.push(shortOr(0x80, MAP, next.entries.length));
      for (const [key, item] of next.entries.toReversed()) waiting.push(item, key);
    } else parts.push(scalarBytes(random, next));
  }
  return Buffer.concat(parts);
}

type Scalar = Exclude<Wire, { kind: 'list' | 'map' }>;

function scalarBytes(random: Random, value: Scalar): Buffer {
  switch (value.kind) {
    case 'null':
      return Buffer.from([0xc0]);
    case 'boolean':
      return Buffer.from([value.value ? 0xc3 : 0xc2]);
    case 'number':
      return numberBytes(random, value.value);
    case 'string':
      return stringBytes(value.value);
    case 'binary':
      return Buffer.concat([header(BINARY, value.value.length), value.value]);
    case 'malformed':
      return random.pick(MALFORMED)(random);
  }
}

function stringBytes(value: string): Buffer {
  const bytes = Buffer.from(value);
  const head = bytes.length < 32 ? Buffer.from([0xa0 | bytes.length]) : header(STRING, bytes.length);
  return Buffer.concat([head, bytes]);
}

/** Encodes small integers as one byte and others at random as an integer or a float. */
function numberBytes(random: Random, value: number): Buffer {
  if (Number.isInteger(value) && value >= 0 && value < 0x80) return Buffer.from([value]);
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32 && random.below(2) === 0) {
    const bytes = Buffer.from([0xce, 0, 0, 0, 0]);
    bytes.writeUInt32BE(value, 1);
    return bytes;
  }
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 63 && random.below(2) === 0) {
    const bytes = Buffer.alloc(9, 0xd3);
    bytes.writeBigInt64BE(BigInt(value), 1);
    return bytes;
  }
  const bytes = Buffer.alloc(9, 0xcb);
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

function shortOr(base: number, formats: Formats, length: number): Buffer {
  return length < 16 ? Buffer.from([base | length]) : header(formats, length);
}
