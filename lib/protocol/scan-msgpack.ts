import type { PayloadLimits, PayloadProblem } from './payload-limits.js';

/** The number of bytes after the format byte, for formats with a fixed size. */
const FIXED_SIZES: Readonly<Record<number, number>> = {
  0xc0: 0, // nil
  0xc2: 0, // false
  0xc3: 0, // true
  0xca: 4, // float 32
  0xcb: 8, // float 64
  0xcc: 1, // uint 8 to 64
  0xcd: 2,
  0xce: 4,
  0xcf: 8,
  0xd0: 1, // int 8 to 64
  0xd1: 2,
  0xd2: 4,
  0xd3: 8,
  0xd4: 2, // fixext 1 to 16: a type and the bytes
  0xd5: 3,
  0xd6: 5,
  0xd7: 9,
  0xd8: 17,
};

/** Formats with an explicit length: the size of the length, and the number of bytes between it and the content. */
const SIZED: Readonly<Record<number, readonly [lengthBytes: 1 | 2 | 4, extra: number]>> = {
  0xc4: [1, 0], // bin
  0xc5: [2, 0],
  0xc6: [4, 0],
  0xc7: [1, 1], // ext
  0xc8: [2, 1],
  0xc9: [4, 1],
  0xd9: [1, 0], // str
  0xda: [2, 0],
  0xdb: [4, 0],
};

/**
 * Checks the bytes of one MessagePack value before they are decoded, because decoders allocate what a header claims:
 * two array headers of five bytes each can claim 500 MB. Every element takes at least one byte, so the number of elements
 * that all open containers still expect must not exceed the number of bytes left. Allocates one number per open
 * container, at most `maxDepth`.
 *
 * @returns the problem, or `undefined` for one complete value within the limits
 */
export function scanMsgpack(bytes: Uint8Array, limits: PayloadLimits): PayloadProblem | undefined {
  return new MsgpackScanner(bytes, limits).scan();
}

class MsgpackScanner {
  private readonly view: DataView;
  private position = 0;
  /** The number of values that each open container still expects, from the outermost to the innermost. */
  private readonly expected: number[] = [];
  /** The sum of `expected`. */
  private outstanding = 1;
  private elements = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly limits: PayloadLimits,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  scan(): PayloadProblem | undefined {
    this.expected.push(1);
    while (this.expected.length > 0) {
      const last = this.expected.length - 1;
      const left = this.expected[last] as number;
      if (left === 0) {
        this.expected.pop();
        continue;
      }
      this.expected[last] = left - 1;
      this.outstanding--;
      const problem = this.value();
      if (problem) return problem;
    }
    return this.position === this.bytes.length ? undefined : 'malformed';
  }

  private get left(): number {
    return this.bytes.length - this.position;
  }

  private value(): PayloadProblem | undefined {
    const format = this.bytes[this.position++];
    if (format === undefined) return 'malformed';
    if (format < 0x80 || format >= 0xe0) return undefined;
    if (format < 0x90) return this.container(format & 0x0f, 2);
    if (format < 0xa0) return this.container(format & 0x0f, 1);
    if (format < 0xc0) return this.skip(format & 0x1f);
    if (format >= 0xdc) return this.longContainer(format);
    const fixed = FIXED_SIZES[format];
    if (fixed !== undefined) return this.skip(fixed);
    const sized = SIZED[format];
    if (!sized) return 'malformed';
    const length = this.length(sized[0]);
    return length === undefined ? 'malformed' : this.skip(length + sized[1]);
  }

  /** array 16, array 32, map 16, map 32 */
  private longContainer(format: number): PayloadProblem | undefined {
    const count = this.length(format % 2 === 0 ? 2 : 4);
    return count === undefined ? 'malformed' : this.container(count, format >= 0xde ? 2 : 1);
  }

  private container(count: number, valuesEach: 1 | 2): PayloadProblem | undefined {
    const values = count * valuesEach;
    this.elements += count;
    this.outstanding += values;
    if (this.outstanding > this.left) return 'malformed';
    if (this.elements > this.limits.maxElements) return 'elements';
    // The first entry is not a container: it stands for the message as a whole.
    if (this.expected.length > this.limits.maxDepth) return 'depth';
    this.expected.push(values);
    return undefined;
  }

  private skip(length: number): PayloadProblem | undefined {
    if (length > this.left) return 'malformed';
    this.position += length;
    return undefined;
  }

  private length(bytes: 1 | 2 | 4): number | undefined {
    if (bytes > this.left) return undefined;
    const at = this.position;
    this.position += bytes;
    if (bytes === 1) return this.view.getUint8(at);
    return bytes === 2 ? this.view.getUint16(at) : this.view.getUint32(at);
  }
}
