import type { Random } from '../support/seed.js';

type Mutator = (random: Random, bytes: Buffer) => Buffer;

/** Byte values at which parsers of lengths, counts and numbers tend to fail. */
const BOUNDARIES = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff] as const;

const MUTATORS: readonly Mutator[] = [
  // Flip a bit.
  (random, bytes) => withByte(random, bytes, (byte) => byte ^ (1 << random.below(8))),
  // Replace a byte by a boundary value or by any value.
  (random, bytes) => withByte(random, bytes, () => random.pick(BOUNDARIES)),
  (random, bytes) => withByte(random, bytes, () => random.below(256)),
  // Set every byte from a random position on to 0xff.
  (random, bytes) =>
    Buffer.from(bytes)
      .fill(0xff, random.below(bytes.length + 1))
      .subarray(0, bytes.length),
  // Cut off the end or the beginning.
  (random, bytes) => bytes.subarray(0, random.below(bytes.length + 1)),
  (random, bytes) => bytes.subarray(random.below(bytes.length + 1)),
  // Duplicate or remove a part.
  (random, bytes) => {
    const [from, to] = range(random, bytes);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  (random, bytes) => {
    const [from, to] = range(random, bytes);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  // Insert random bytes.
  (random, bytes) => {
    const [at] = range(random, bytes);
    return Buffer.concat([bytes.subarray(0, at), random.bytes(random.below(16)), bytes.subarray(at)]);
  },
];

/** Changes the bytes in one to four places. */
export function mutated(random: Random, bytes: Buffer): Buffer {
  let result = bytes;
  for (let left = 1 + random.below(4); left > 0; left--) result = random.pick(MUTATORS)(random, result);
  return result;
}

/** Joins the beginning of one buffer to the end of the other. */
export function spliced(random: Random, first: Buffer, second: Buffer): Buffer {
  return Buffer.concat([
    first.subarray(0, random.below(first.length + 1)),
    second.subarray(random.below(second.length + 1)),
  ]);
}

function withByte(random: Random, bytes: Buffer, change: (byte: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  const at = random.below(copy.length);
  const byte = copy[at];
  if (byte !== undefined) copy[at] = change(byte);
  return copy;
}

function range(random: Random, bytes: Buffer): [from: number, to: number] {
  const from = random.below(bytes.length + 1);
  return [from, from + random.below(bytes.length - from + 1)];
}
