import { decode, encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { NO_PAYLOAD_LIMITS, type PayloadLimits } from '../../lib/protocol/payload-limits.js';
import { scanJson } from '../../lib/protocol/scan-json.js';
import { scanMsgpack } from '../../lib/protocol/scan-msgpack.js';
import { type Random, withSeed } from '../support/seed.js';

const LIMITS: PayloadLimits = { maxDepth: 100, maxElements: 1000 };
const MEBIBYTE = 1024 * 1024;

const bytes = (...parts: (number | number[])[]): Buffer => Buffer.from(parts.flat());
const json = (text: string): Buffer => Buffer.from(text);

/** A random value with at most this many levels. */
function randomValue(random: Random, depth: number): unknown {
  const kind = random.below(depth > 0 ? 9 : 7);
  const text = random.bytes(random.below(40)).toString('latin1');
  switch (kind) {
    case 0:
      return random.below(2 ** 32) - 2 ** 31;
    case 1:
      return random.below(2 ** 32) / 7;
    case 2:
      return text;
    case 3:
      return random.below(2) === 0;
    case 4:
      return null;
    case 5:
      return random.below(2 ** 32) * 2 ** 20;
    case 6:
      return '"[{\\'.repeat(random.below(30));
    case 7:
      return Array.from({ length: random.below(20) }, () => randomValue(random, depth - 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(20) }, (_, key) => [
          `${text}${key}`,
          randomValue(random, depth - 1),
        ]),
      );
  }
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { value };
  return value;
}

describe('scanMsgpack', () => {
  it.each<[name: string, bytes: Buffer]>([
    ['an array header that claims 4 billion elements', bytes(0xdd, [0xff, 0xff, 0xff, 0xff])],
    ['a map header that claims 4 billion members', bytes(0xdf, [0xff, 0xff, 0xff, 0xff])],
    ['a map header that claims one member too many', bytes(0x82, 0xa1, 0x61, 1)],
    [
      'two nested array headers',
      bytes(0xdd, [2, 0, 0, 0], 0xdd, [2, 0, 0, 0], new Array<number>(207).fill(0xc0)),
    ],
    [
      '1,000 nested array headers',
      Buffer.concat(Array.from({ length: 1000 }, () => bytes(0xdc, 0xff, 0xff))),
    ],
    [
      '100 nested headers that each claim all the bytes left',
      Buffer.concat([
        ...Array.from({ length: 100 }, () => {
          const header = Buffer.alloc(5, 0xdd);
          header.writeUInt32BE(MEBIBYTE - 600, 1);
          return header;
        }),
        Buffer.alloc(MEBIBYTE - 500, 0xc0),
      ]),
    ],
    ['a string that claims more bytes than there are', bytes(0xdb, [0, 0, 1, 0], 0x61)],
    ['binary data that claims more bytes than there are', bytes(0xc4, 2, 0)],
    ['an extension that claims more bytes than there are', bytes(0xc7, 5, 1, 0)],
    ['a number that is cut off', bytes(0xcf, 0, 0)],
    ['a length that is cut off', bytes(0xdd, 0)],
    ['the reserved format byte 0xc1', bytes(0xc1)],
    ['a second value', bytes(1, 2)],
    ['an empty message', bytes()],
  ])('rejects %s before anything is allocated', (_name, message) => {
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    expect(scanMsgpack(message, NO_PAYLOAD_LIMITS)).toBe('malformed');
    expect(process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before).toBeLessThan(
      8 * MEBIBYTE,
    );
  });

  it('accepts messages up to the limits, and rejects one level or element more', () => {
    expect(scanMsgpack(encode(nested(99)), LIMITS)).toBeUndefined();
    expect(scanMsgpack(bytes(...new Array<number>(100).fill(0x91), 1), LIMITS)).toBeUndefined();
    expect(scanMsgpack(bytes(...new Array<number>(101).fill(0x91), 1), LIMITS)).toBe('depth');
    expect(scanMsgpack(encode(new Array(1000).fill(0)), LIMITS)).toBeUndefined();
    expect(scanMsgpack(encode(new Array(1001).fill(0)), LIMITS)).toBe('elements');
  });

  it('accepts every encoded value, and rejects every damaged one that would make the decoder read beyond the end', () =>
    withSeed((random) => {
      for (let round = 0; round < 3000; round++) {
        const value = {
          value: randomValue(random, 3),
          bytes: random.bytes(random.below(300)),
          date: new Date(round),
        };
        const encoded = Buffer.from(encode(value));
        expect(scanMsgpack(encoded, NO_PAYLOAD_LIMITS)).toBeUndefined();
        encoded[random.below(encoded.length)] = random.below(256);
        if (scanMsgpack(encoded, NO_PAYLOAD_LIMITS) !== undefined) continue;
        // The decoder may still reject it, for example because a key is not a string, but it must not read beyond the end.
        try {
          decode(encoded);
        } catch (error) {
          expect(error).not.toMatchObject({
            message: expect.stringMatching(/Insufficient data|Extra/) as unknown,
          });
        }
      }
      return Promise.resolve();
    }));
});

describe('scanJson', () => {
  it('accepts messages up to the limits, and rejects one level or element more', () => {
    expect(scanJson(json('['.repeat(100) + ']'.repeat(100)), LIMITS)).toBeUndefined();
    expect(scanJson(json('['.repeat(101) + ']'.repeat(101)), LIMITS)).toBe('depth');
    expect(scanJson(json('[['.repeat(10_000)), LIMITS)).toBe('depth');
    expect(scanJson(json(JSON.stringify(new Array(1000).fill(0))), LIMITS)).toBeUndefined();
    expect(scanJson(json(JSON.stringify(new Array(1001).fill(0))), LIMITS)).toBe('elements');
  });

  it('ignores brackets and commas inside strings', () => {
    const text = '[{,"\\'.repeat(1000);
    expect(scanJson(json(JSON.stringify({ [text]: text })), LIMITS)).toBeUndefined();
    expect(scanJson(json(`["${'\\\\'.repeat(200)}", [${'['.repeat(200)}`), LIMITS)).toBe('depth');
  });

  it('accepts every JSON text whose value is within the limits', () =>
    withSeed((random) => {
      for (let round = 0; round < 3000; round++) {
        const text = JSON.stringify({ value: randomValue(random, 2) });
        expect(scanJson(json(text), { maxDepth: 10, maxElements: 5000 })).toBeUndefined();
      }
      return Promise.resolve();
    }));
});
