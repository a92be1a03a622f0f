import { Buffer } from 'node:buffer';
import type { Random } from '../support/seed.js';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameOptions {
  readonly opcode?: number;
  readonly fin?: boolean;
  /** The three reserved bits, as one number. */
  readonly reserved?: number;
  readonly masked?: boolean;
  readonly mask?: number;
  /** The length that the header claims, if it differs from the payload's. */
  readonly claimed?: bigint;
  /** The minimum width of the length field in bytes. */
  readonly lengthBytes?: 0 | 2 | 8;
}

/** A client's WebSocket frame (RFC 6455, section 5.2). It is valid unless the options say otherwise. */
export function frame(payload: string | Buffer, options: FrameOptions = {}): Buffer {
  const { opcode = OPCODE.text, fin = true, reserved = 0, masked = true, mask = 0x37fa213d } = options;
  const bytes = Buffer.from(payload);
  const length = options.claimed ?? BigInt(bytes.length);
  const first = (fin ? 0x80 : 0) | ((reserved & 7) << 4) | (opcode & 15);
  const key = Buffer.alloc(masked ? 4 : 0);
  if (masked) {
    key.writeUInt32BE(mask >>> 0);
    for (let index = 0; index < bytes.length; index++)
      bytes[index] = (bytes[index] ?? 0) ^ (key[index & 3] ?? 0);
  }
  return Buffer.concat([
    Buffer.from([first]),
    lengthField(length, options.lengthBytes ?? 0, masked),
    key,
    bytes,
  ]);
}

function lengthField(length: bigint, atLeast: number, masked: boolean): Buffer {
  const maskBit = masked ? 0x80 : 0;
  if (atLeast === 8 || length > 0xffffn) {
    const wide = Buffer.alloc(9);
    wide[0] = maskBit | 127;
    wide.writeBigUInt64BE(BigInt.asUintN(64, length), 1);
    return wide;
  }
  if (atLeast === 2 || length > 125n)
    return Buffer.from([maskBit | 126, Number(length >> 8n), Number(length & 0xffn)]);
  return Buffer.from([maskBit | Number(length)]);
}

export function closeFrame(code?: number, reason: string | Buffer = ''): Buffer {
  if (code === undefined) return frame('', { opcode: OPCODE.close });
  const bytes = Buffer.concat([Buffer.from([(code >> 8) & 0xff, code & 0xff]), Buffer.from(reason)]);
  return frame(bytes, { opcode: OPCODE.close });
}

export function repeated(count: number, bytes: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => bytes));
}

/** One message in frames of random sizes, with pings in between as RFC 6455 allows. */
export function fragmented(random: Random, payload: Buffer, opcode: number): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  do {
    const end = Math.min(payload.length, at + random.below(payload.length + 2));
    const last = parts.length > 50 || end === payload.length;
    const options = { opcode: at === 0 && parts.length === 0 ? opcode : OPCODE.continuation, fin: last };
    parts.push(frame(payload.subarray(at, last ? undefined : end), options));
    if (random.below(3) === 0) parts.push(frame('between', { opcode: OPCODE.ping }));
    at = last ? payload.length + 1 : end;
  } while (at <= payload.length);
  return Buffer.concat(parts);
}

const LENGTHS = [
  0n,
  1n,
  125n,
  126n,
  0xffffn,
  0x10000n,
  2n ** 20n,
  2n ** 20n + 1n,
  2n ** 32n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const CLOSE_CODES = [0, 999, 1000, 1001, 1004, 1005, 1006, 1012, 1015, 1016, 2999, 3000, 4999, 5000, 65_535];

/** Valid and invalid control frames. */
export const CONTROL_FRAMES: readonly ((random: Random) => Buffer)[] = [
  (random) => frame(random.bytes(random.below(126)), { opcode: OPCODE.ping }),
  (random) => frame(random.bytes(random.below(126)), { opcode: OPCODE.pong }),
  (random) =>
    repeated(1 + random.below(2000), frame(random.bytes(random.below(126)), { opcode: OPCODE.ping })),
  (random) => repeated(1 + random.below(500), frame('', { opcode: OPCODE.pong })),
  // A control frame that is too long, and one that is fragmented. Neither is allowed.
  (random) => frame(random.bytes(126), { opcode: random.pick([8, 9, 10]) }),
  (random) => frame(random.bytes(4), { opcode: random.pick([8, 9, 10]), fin: false }),
  (random) =>
    closeFrame(random.pick(CLOSE_CODES), random.below(2) === 0 ? '' : random.bytes(random.below(124))),
  () => frame('x', { opcode: OPCODE.close }),
  () => closeFrame(),
  (random) =>
    frame(random.bytes(random.below(8)), { opcode: random.pick([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) }),
];

/** Frames with an invalid header. */
export const WRONG_FRAMES: readonly ((random: Random, payload: Buffer) => Buffer)[] = [
  (random, payload) => frame(payload, { reserved: 1 + random.below(7) }),
  (_random, payload) => frame(payload, { masked: false }),
  // Masked with a different key than the header says, so the payload is random.
  (random, payload) => Buffer.concat([frame(payload).subarray(0, 2), random.bytes(4), payload]),
  (random, payload) => frame(payload, { lengthBytes: random.pick([2, 8] as const) }),
  (random, payload) => frame(payload, { claimed: random.pick(LENGTHS) }),
  (_random, payload) => frame(payload, { opcode: OPCODE.continuation }),
  (_random, payload) => Buffer.concat([frame(payload, { fin: false }), frame(payload)]),
  (random, payload) =>
    Buffer.concat([
      frame(payload, { fin: false }),
      repeated(1 + random.below(300), frame('', { opcode: 0, fin: false })),
    ]),
  // The frame type of the other protocol, or both types in one message.
  (_random, payload) => frame(payload, { opcode: OPCODE.binary }),
  (_random, payload) =>
    Buffer.concat([frame(payload, { fin: false }), frame(payload, { opcode: OPCODE.binary })]),
];
