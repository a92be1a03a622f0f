import { decode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { decodeEnvelope } from '../../lib/protocol/envelope.js';
import { Random, withSeed } from '../support/seed.js';
import { caseOf } from './cases.js';
import { encoded } from './client-messages.js';
import { mutated } from './mutators.js';
import { anyEnvelope, anyRecord, type RecordContext } from './records.js';
import { envelope } from './record-bytes.js';
import { list, map, nested, number, text } from './values.js';

const REPETITIONS = 500;
const SERVER_IDS = ['AAAAAAAAAAAA', 'BBBBBBBBBBBB'];

function context(): RecordContext {
  let last = 0;
  return { serverIds: SERVER_IDS, connectionIds: [], nextNumber: () => ++last };
}

function envelopesOf(seed: number): Buffer[] {
  const random = new Random(seed);
  const farm = context();
  return Array.from({ length: REPETITIONS }, () => anyEnvelope(random, farm));
}

describe('The generators of the fuzz test', () => {
  it('make the same cases from the same seed, and different cases from another seed', () => {
    const names = (seed: number): string[] =>
      Array.from({ length: 100 }, (_, index) => caseOf(seed, index).name);
    expect(names(7)).toEqual(names(7));
    expect(names(7)).not.toEqual(names(8));
    expect(Buffer.concat(envelopesOf(7)).equals(Buffer.concat(envelopesOf(7)))).toBe(true);
  });

  it('encode the same value in both protocols', () => {
    const value = map(['a', list(number(1), number(-5), text('ä'), number(70_000))], ['b', map()]);
    const expected = { a: [1, -5, 'ä', 70_000], b: {} };
    const random = new Random(1);
    expect(JSON.parse(encoded(random, 'json', value).toString())).toEqual(expected);
    expect(decode(encoded(random, 'msgpack', value))).toEqual(expected);
  });

  it('encode values nested deeper than the call stack allows', () => {
    const random = new Random(1);
    expect(encoded(random, 'json', nested(random, 100_000)).length).toBeGreaterThan(100_000);
    expect(encoded(random, 'msgpack', nested(random, 100_000)).length).toBeGreaterThan(100_000);
  });

  it('make envelopes that a server can decode, whatever their records contain', () =>
    withSeed((random) => {
      for (let left = REPETITIONS; left > 0; left--) {
        const bytes = envelope({ origin: 'ghost', number: 5 }, anyRecord(random, context()));
        expect(decodeEnvelope(bytes)).toMatchObject({
          ok: true,
          envelope: { origin: 'ghost_______', number: 5 },
        });
      }
    }));

  it('never forge a number that makes a server drop the real messages of its peer', () =>
    withSeed((random) => {
      for (const bytes of envelopesOf(random.below(2 ** 32))) {
        const decoded = decodeEnvelope(bytes);
        if (!decoded.ok || !SERVER_IDS.includes(decoded.envelope.origin)) continue;
        const { number: position } = decoded.envelope;
        expect(position <= 1 || position >= 2 ** 47).toBe(true);
      }
    }));

  it('mutate a copy and leave the original unchanged', () =>
    withSeed((random) => {
      const original = random.bytes(50);
      const copy = Buffer.from(original);
      for (let left = REPETITIONS; left > 0; left--) mutated(random, original);
      expect(original.equals(copy)).toBe(true);
      expect(mutated(random, Buffer.alloc(0)).length).toBeLessThan(100);
    }));
});
