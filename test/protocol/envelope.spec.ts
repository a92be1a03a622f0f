import { describe, expect, it } from 'vitest';
import { type Envelope, decodeEnvelope, encodeEnvelope, encodeRecord } from '../../lib/protocol/envelope.js';
import { encodeMessage } from '../../lib/protocol/message-record.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import { altered, bitFlipped, ofVersion } from '../support/envelopes.js';
import { type Random, withSeed } from '../support/seed.js';

const ORIGIN = 'AbCdEfGhIj-_';
const HEADER_LENGTH = 25;
const NO_BODY = Buffer.alloc(0);

// Written by hand from the documented layout, with checksums from another program. A change of the layout needs a new
// version.
const GOLDEN = golden('5ad6492a', '9b808000'); // the length of the message, 27, as a varint padded to 4 bytes
const GOLDEN_NARROW = golden('3095eba9', '1b'); // the same length as a varint of 1 byte

function golden(checksum: string, messageLength: string): Buffer {
  return Buffer.from(
    'b7' + // magic
      '01' + // version
      '19' + // header length
      checksum + // CRC-32
      '416243644566476849' +
      '6a2d5f' + // origin
      '000102030405' + // number
      '0101' + // a heartbeat
      messageLength +
      '10' + // a message
      '01' + // volatile
      '052f63686174' + // path /chat
      '02' + // two targets
      '0000' + // all
      '0104726f6f6d' + // group room
      '01' + // one excluded
      '03026964' + // connection id
      '01' + // one payload
      '01027b7d', // JSON {}
    'hex',
  );
}

function decoded(bytes: Buffer): Envelope {
  const result = decodeEnvelope(bytes);
  if (!result.ok) throw new Error(`The envelope is not readable: ${result.reason}.`);
  return result.envelope;
}

function goldenMessage(): Buffer {
  return encodeMessage({
    address: {
      path: '/chat',
      targets: [
        { kind: 'all', name: '' },
        { kind: 'group', name: 'room' },
      ],
      excluded: [{ kind: 'connection', name: 'id' }],
    },
    volatile: true,
    hasArguments: false,
    payloads: [{ protocol: 1, bytes: Buffer.from('{}') }],
  });
}

function randomEnvelope(random: Random): Buffer {
  const records = random.list(4, () => encodeRecord(random.below(256), random.bytes(random.below(300))));
  return encodeEnvelope(ORIGIN, random.below(2 ** 48), records);
}

describe('the layout', () => {
  it('is the documented one: encoding yields the golden bytes', () => {
    const heartbeat = encodeRecord(RecordKind.Heartbeat, NO_BODY);
    const bytes = encodeEnvelope(ORIGIN, 0x0102030405, [heartbeat, goldenMessage()]);
    expect(bytes.toString('hex')).toBe(GOLDEN.toString('hex'));
  });

  it.each([GOLDEN, GOLDEN_NARROW])('is the documented one: decoding reads the golden bytes %#', (bytes) => {
    const { origin, number, records } = decoded(bytes);
    expect({ origin, number }).toEqual({ origin: ORIGIN, number: 0x0102030405 });
    expect(records.map(({ kind, body }) => [kind, body.length])).toEqual([
      [1, 0],
      [16, 26],
    ]);
  });

  it('has a fixed number for each kind of record', () => {
    expect(RecordKind).toMatchObject({ Heartbeat: 1, RollCall: 2, Goodbye: 3, Message: 16 });
  });

  it.each([0, 1, 100, 4096, 16_383])(
    'adds at most 40 bytes to the names and a payload of %i bytes',
    (size) => {
      const path = '/chat';
      const name = 'g'.repeat(100);
      const record = encodeMessage({
        address: { path, targets: [{ kind: 'group', name }], excluded: [] },
        volatile: false,
        hasArguments: false,
        payloads: [{ protocol: 1, bytes: Buffer.alloc(size) }],
      });
      const envelope = encodeEnvelope(ORIGIN, 2 ** 48 - 1, [record]);
      expect(envelope.length - path.length - name.length - size).toBeLessThanOrEqual(40);
    },
  );
});

describe('a round trip', () => {
  it('preserves origin, number, and the order of records', () => {
    return withSeed((random) => {
      for (let run = 0; run < 500; run++) {
        const number = random.below(2 ** 48);
        const records = random.list(5, () => ({
          kind: random.below(256),
          body: random.bytes(random.below(300)),
        }));
        const encoded = records.map(({ kind, body }) => encodeRecord(kind, body));
        expect(decoded(encodeEnvelope(ORIGIN, number, encoded))).toEqual({ origin: ORIGIN, number, records });
      }
    });
  });

  it('preserves the largest number and a record of more than a megabyte', () => {
    const body = Buffer.alloc(1_100_000, 7);
    const envelope = decoded(encodeEnvelope(ORIGIN, 2 ** 48 - 1, [encodeRecord(16, body)]));
    expect(envelope.number).toBe(2 ** 48 - 1);
    expect(envelope.records[0]?.body.equals(body)).toBe(true);
  });
});

describe('an addition of a later minor version', () => {
  it('is ignored at the end of the header', () => {
    const later = altered(GOLDEN, (bytes) => {
      bytes[2] = HEADER_LENGTH + 3;
      return Buffer.concat([
        bytes.subarray(0, HEADER_LENGTH),
        Buffer.from('new'),
        bytes.subarray(HEADER_LENGTH),
      ]);
    });
    expect(decoded(later)).toEqual(decoded(GOLDEN));
  });

  it('is decoded if it is a new kind of record between known ones', () => {
    const records = [1, 255, 16].map((kind) => encodeRecord(kind, Buffer.from([kind])));
    expect(decoded(encodeEnvelope(ORIGIN, 1, records)).records.map(({ kind }) => kind)).toEqual([1, 255, 16]);
  });
});

describe('bytes that are not an envelope of this version', () => {
  it('are rejected with their version if they are an envelope of another version', () => {
    for (const version of [0, 2, 255]) {
      expect(decodeEnvelope(ofVersion(GOLDEN, version))).toEqual({ ok: false, reason: 'version', version });
    }
  });

  it('are not read beyond the version if it is another one, whatever follows', () => {
    const other = altered(GOLDEN.subarray(0, 7), (bytes) => {
      bytes[1] = 9;
      return bytes;
    });
    expect(decodeEnvelope(other)).toEqual({ ok: false, reason: 'version', version: 9 });
  });

  it.each(['', '{"event":"x"}', 'hello', 'PING\r\n'])('are foreign: %j', (text) => {
    expect(decodeEnvelope(Buffer.from(text))).toEqual({ ok: false, reason: 'foreign' });
  });

  it('are rejected after a single flipped bit, whichever bit it is', () => {
    for (let bit = 0; bit < GOLDEN.length * 8; bit++) {
      expect(decodeEnvelope(bitFlipped(GOLDEN, bit)), `bit ${bit}`).toMatchObject({ ok: false });
    }
  });

  it('are rejected at every length that is too short', () => {
    for (let length = 0; length < GOLDEN.length; length++) {
      expect(decodeEnvelope(GOLDEN.subarray(0, length)), `${length} bytes`).toMatchObject({ ok: false });
    }
  });

  it.each<[what: string, change: (bytes: Buffer) => Buffer]>([
    ['a header shorter than its fields', (bytes) => ((bytes[2] = HEADER_LENGTH - 1), bytes)],
    ['a header longer than the envelope', (bytes) => ((bytes[2] = 255), bytes)],
    ['no room for the header', (bytes) => bytes.subarray(0, HEADER_LENGTH - 1)],
    ['a record of no bytes', (bytes) => Buffer.concat([bytes, Buffer.from([0])])],
    ['a record that is cut off', (bytes) => Buffer.concat([bytes, Buffer.from([5, 16, 1])])],
    ['a length that never ends', (bytes) => Buffer.concat([bytes, Buffer.alloc(20, 0xff)])],
  ])('are malformed with a correct checksum and %s', (_what, change) => {
    expect(decodeEnvelope(altered(GOLDEN, change))).toEqual({ ok: false, reason: 'malformed' });
  });

  it('are malformed with a header that is too short, even if the rest could be read as a record', () => {
    // From the last byte of the number onwards, this could be read as one record of two bytes.
    const envelope = encodeEnvelope(ORIGIN, 2, [encodeRecord(RecordKind.Heartbeat, NO_BODY)]);
    const short = altered(envelope, (bytes) => ((bytes[2] = HEADER_LENGTH - 1), bytes));
    expect(decodeEnvelope(short)).toEqual({ ok: false, reason: 'malformed' });
  });

  it('never make decodeEnvelope throw: 20,000 random, cut, flipped, foreign and other-version buffers', () => {
    const makers: ((random: Random) => Buffer)[] = [
      (random) => random.bytes(random.below(64)),
      (random) => Buffer.concat([Buffer.from([0xb7, 1, HEADER_LENGTH]), random.bytes(random.below(64))]),
      (random) => altered(Buffer.concat([GOLDEN.subarray(0, 7), random.bytes(random.below(64))]), (b) => b),
      (random) => altered(Buffer.concat([GOLDEN.subarray(0, 25), random.bytes(random.below(64))]), (b) => b),
      (random) => {
        const envelope = randomEnvelope(random);
        return envelope.subarray(0, random.below(envelope.length));
      },
      (random) => {
        const envelope = randomEnvelope(random);
        return bitFlipped(envelope, random.below(envelope.length * 8));
      },
      (random) => ofVersion(randomEnvelope(random), random.below(256)),
    ];
    return withSeed((random) => {
      for (let run = 0; run < 20_000; run++) {
        const bytes = random.pick(makers)(random);
        expect(() => decodeEnvelope(bytes), bytes.toString('hex')).not.toThrow();
      }
    });
  });
});
