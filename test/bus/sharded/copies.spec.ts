import { beforeEach, describe, expect, it } from 'vitest';
import { Copies, encodeCopy } from '../../../lib/bus/sharded/copies.js';
import { MalformedBytesError } from '../../../lib/protocol/byte-reader.js';
import { decodeEnvelope, encodeEnvelope } from '../../../lib/protocol/envelope.js';
import { RecordKind } from '../../../lib/protocol/record-kind.js';
import { record } from '../../support/bus-farm.js';

const ORIGIN = 'AbCdEfGhIj-_';
const OTHER = 'ZyXwVuTsRq-_';
/** The age at which the young generation becomes the old one. */
const GENERATION_MS = 10_000;

let now: number;
let copies: Copies;

beforeEach(() => {
  now = 1_000_000;
  copies = new Copies(() => now);
});

/** The body of a copy, as decoded from an envelope. */
function bodyOf(id: number, text: string): Buffer {
  const decoded = decodeEnvelope(encodeEnvelope(ORIGIN, 1, [encodeCopy(id, record(text))]));
  if (!decoded.ok) throw new Error(decoded.reason);
  const [copy, ...others] = decoded.envelope.records;
  if (copy?.kind !== RecordKind.Copy || others.length > 0) throw new Error('is not one copy');
  return copy.body;
}

const read = (origin: string, id: number): string[] =>
  copies.read(origin, bodyOf(id, 'text')).map(({ body }) => body.toString());

describe('copies of a record', () => {
  it('are read once, and further ones are counted', () => {
    expect(read(ORIGIN, 1)).toEqual(['text']);
    for (let copy = 0; copy < 3; copy++) expect(read(ORIGIN, 1)).toEqual([]);
    expect(copies.duplicates).toBe(3);
  });

  it('are identified by id and origin, in any order', () => {
    for (const id of [5, 3, 2 ** 40, 4]) expect(read(ORIGIN, id)).toEqual(['text']);
    expect(read(OTHER, 5)).toEqual(['text']);
    for (const id of [4, 5, 2 ** 40, 3]) expect(read(ORIGIN, id)).toEqual([]);
  });

  it('are remembered for at least one generation, and forgotten after two', () => {
    read(ORIGIN, 1);
    now += GENERATION_MS;
    expect(read(ORIGIN, 1)).toEqual([]);
    read(ORIGIN, 2);
    now += GENERATION_MS;
    expect(read(ORIGIN, 2)).toEqual([]);
    expect(read(ORIGIN, 1)).toEqual(['text']);
  });

  it('are all forgotten when nothing has arrived for a long time', () => {
    read(ORIGIN, 1);
    now += 2 * GENERATION_MS;
    expect(read(ORIGIN, 1)).toEqual(['text']);
  });

  it('that are malformed throw a MalformedBytesError', () => {
    for (const damaged of [Buffer.alloc(0), Buffer.from([1, 200, 1]), Buffer.from([1, 0])])
      expect(() => copies.read(ORIGIN, damaged)).toThrow(MalformedBytesError);
  });
});
