import { describe, expect, it } from 'vitest';
import { ByteReader, MalformedBytesError } from '../../lib/protocol/byte-reader.js';
import { type MessageRecord, decodeMessage, encodeMessage } from '../../lib/protocol/message-record.js';
import type { TargetKind, TargetRef } from '../../lib/protocol/target.js';
import { type Random, withSeed } from '../support/seed.js';

const GOLDEN_BODY = Buffer.from(
  '01' + // volatile
    '052f63686174' + // path /chat
    '02' + // two targets
    '0000' + // all
    '0104726f6f6d' + // group room
    '02' + // two excluded
    '020175' + // user u
    '03026964' + // connection id
    '02' + // two payloads
    '01027b7d' + // JSON {}
    '020180', // MessagePack {}
  'hex',
);

const GOLDEN: MessageRecord = {
  address: {
    path: '/chat',
    targets: [
      { kind: 'all', name: '' },
      { kind: 'group', name: 'room' },
    ],
    excluded: [
      { kind: 'user', name: 'u' },
      { kind: 'connection', name: 'id' },
    ],
  },
  volatile: true,
  hasArguments: false,
  payloads: [
    { protocol: 1, bytes: Buffer.from('{}') },
    { protocol: 2, bytes: Buffer.from([0x80]) },
  ],
};

const KINDS: readonly TargetKind[] = ['all', 'group', 'user', 'connection'];
const NAMES = ['a', '*', 'x:y', 'ä', '漢字', '😀', '\u0000', '\ufeff', '\ufeffa', 'g'.repeat(4096)];

/** The body of an encoded record: the bytes after its length and kind. */
function bodyOf(record: Buffer): Buffer {
  return new ByteReader(record).bytes().subarray(1);
}

function randomMessage(random: Random): MessageRecord {
  const target = (): TargetRef => ({ kind: random.pick(KINDS), name: random.pick(NAMES) });
  return {
    address: {
      path: random.pick(['/', '/chat', '8081/chat', '/ü:%']),
      targets: random.list(4, target),
      excluded: random.list(4, target),
    },
    volatile: random.next() < 0.5,
    hasArguments: random.next() < 0.5,
    payloads: random.list(3, () => ({
      protocol: random.below(256),
      bytes: random.bytes(random.below(200)),
    })),
  };
}

describe('a message record', () => {
  it('has the documented layout', () => {
    const record = encodeMessage(GOLDEN);
    expect(record.subarray(0, 5)).toEqual(Buffer.from([0x80 | (GOLDEN_BODY.length + 1), 0x80, 0x80, 0, 16]));
    expect(bodyOf(record).toString('hex')).toBe(GOLDEN_BODY.toString('hex'));
    expect(decodeMessage(GOLDEN_BODY)).toEqual(GOLDEN);
  });

  it.each(NAMES)('preserves the name %j', (name) => {
    const sent = { ...GOLDEN, address: { ...GOLDEN.address, targets: [{ kind: 'group', name }] } } as const;
    expect(decodeMessage(bodyOf(encodeMessage(sent))).address.targets).toEqual([{ kind: 'group', name }]);
  });

  it('is read back unchanged, whatever it contains', () => {
    return withSeed((random) => {
      for (let run = 0; run < 1000; run++) {
        const message = randomMessage(random);
        expect(decodeMessage(bodyOf(encodeMessage(message)))).toEqual(message);
      }
    });
  });

  it('may have bytes after its last field, which are ignored', () => {
    expect(decodeMessage(Buffer.concat([GOLDEN_BODY, Buffer.from('later')]))).toEqual(GOLDEN);
  });

  it('is volatile if one bit is set, whatever the other bits mean in a later release', () => {
    const withFlags = (flags: number) => Buffer.concat([Buffer.from([flags]), GOLDEN_BODY.subarray(1)]);
    expect(decodeMessage(withFlags(0xff)).volatile).toBe(true);
    expect(decodeMessage(withFlags(0xfe)).volatile).toBe(false);
  });

  it('is malformed if a target has an unknown kind', () => {
    const body = Buffer.from(GOLDEN_BODY);
    body[8] = 4;
    expect(() => decodeMessage(body)).toThrow(MalformedBytesError);
  });

  it('is malformed at every length that is too short', () => {
    for (let length = 0; length < GOLDEN_BODY.length; length++) {
      expect(() => decodeMessage(GOLDEN_BODY.subarray(0, length)), `${length} bytes`).toThrow(
        MalformedBytesError,
      );
    }
  });

  it('throws nothing but MalformedBytesError: 20,000 random, cut and flipped bodies', () => {
    return withSeed((random) => {
      for (let run = 0; run < 20_000; run++) {
        const body = random.next() < 0.5 ? random.bytes(random.below(40)) : Buffer.from(GOLDEN_BODY);
        if (body.length > 0) body[random.below(body.length)] = random.below(256);
        const cut = body.subarray(0, random.below(body.length + 1));
        try {
          decodeMessage(cut);
        } catch (error) {
          expect(error, cut.toString('hex')).toBeInstanceOf(MalformedBytesError);
        }
      }
    });
  });
});
