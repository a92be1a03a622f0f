import { describe, expect, it } from 'vitest';
import { ByteReader, MalformedBytesError } from '../../lib/protocol/byte-reader.js';
import { ByteWriter } from '../../lib/protocol/byte-writer.js';
import { withSeed } from '../support/seed.js';

const STRINGS = ['', 'a', 'größer', '漢字', '😀', '\0', '\ufeff', '\ufeffa', 'a\ufeff', '\u007f\u0080\uffff'];

function reader(...bytes: number[]): ByteReader {
  return new ByteReader(Buffer.from(bytes));
}

describe('an integer', () => {
  it.each<[value: number, bytes: number[]]>([
    [0, [0]],
    [1, [1]],
    [127, [0x7f]],
    [128, [0x80, 1]],
    [300, [0xac, 2]],
    [16_383, [0xff, 0x7f]],
    [16_384, [0x80, 0x80, 1]],
    [2 ** 31, [0x80, 0x80, 0x80, 0x80, 8]],
    [2 ** 32, [0x80, 0x80, 0x80, 0x80, 0x10]],
    [2 ** 48, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40]],
    [2 ** 49 - 1, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
  ])('%i is written with 7 bits per byte, low bits first, and read back', (value, bytes) => {
    expect([...new ByteWriter().varint(value).finish()]).toEqual(bytes);
    expect(reader(...bytes).varint()).toBe(value);
  });

  it('is malformed if it has more than seven bytes or is cut off', () => {
    expect(() => reader(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1).varint()).toThrow(MalformedBytesError);
    expect(() => reader(0x80, 0x80).varint()).toThrow(MalformedBytesError);
    expect(() => reader().varint()).toThrow(MalformedBytesError);
    expect(() => reader().u8()).toThrow(MalformedBytesError);
  });

  it('is malformed as a count if fewer bytes are left, so a forged count causes no long loop', () => {
    expect(reader(2, 0, 0).count()).toBe(2);
    expect(reader(0).count()).toBe(0);
    expect(() => reader(3, 0, 0).count()).toThrow(MalformedBytesError);
    expect(() => reader(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f).count()).toThrow(MalformedBytesError);
  });
});

describe('a string', () => {
  it.each(STRINGS)('%j is read back unchanged', (text) => {
    expect(new ByteReader(new ByteWriter(1).string(text).finish()).string()).toBe(text);
  });

  it('is preceded by its length in bytes', () => {
    expect(new ByteWriter().string('é!').finish()).toEqual(Buffer.from([3, 0xc3, 0xa9, 0x21]));
  });

  it.each<[what: string, bytes: number[]]>([
    ['is not UTF-8', [1, 0xff]],
    ['contains half a surrogate pair', [3, 0xed, 0xa0, 0x80]],
    ['ends within a character', [2, 0xe6, 0xbc]],
    ['is cut off', [5, 0x61]],
  ])('is malformed if it %s', (_what, bytes) => {
    expect(() => reader(...bytes).string()).toThrow(MalformedBytesError);
  });
});

describe('bytes', () => {
  it('are read as a view, not as a copy', () => {
    const buffer = Buffer.from([2, 7, 8]);
    const view = new ByteReader(buffer).bytes();
    buffer[1] = 9;
    expect([...view]).toEqual([9, 8]);
  });

  it('are malformed if they are cut off', () => {
    expect(() => reader(3, 1, 2).bytes()).toThrow(MalformedBytesError);
    expect(() => reader(1, 2).raw(3)).toThrow(MalformedBytesError);
    expect([...reader(1, 2).raw(2)]).toEqual([1, 2]);
  });
});

describe('a sequence of fields', () => {
  it('is read back in order and completely, however often the buffer had to grow', () => {
    return withSeed((random) => {
      for (let run = 0; run < 500; run++) {
        const writer = new ByteWriter(1 + random.below(8));
        const checks = Array.from({ length: 20 }, (): ((read: ByteReader) => void) => {
          const u8 = random.below(256);
          const varint = random.below(2 ** (1 + random.below(49)));
          const text = random.list(20, () => random.pick(STRINGS)).join('');
          const bytes = random.bytes(random.below(600));
          writer.u8(u8).varint(varint).string(text).bytes(bytes).raw(bytes);
          return (read) => {
            expect([read.u8(), read.varint(), read.string()]).toEqual([u8, varint, text]);
            expect(read.bytes().equals(bytes)).toBe(true);
            expect(read.raw(bytes.length).equals(bytes)).toBe(true);
          };
        });
        const read = new ByteReader(writer.finish());
        for (const check of checks) check(read);
        expect(read.atEnd).toBe(true);
      }
    });
  });
});
