import { ByteReader } from '../../protocol/byte-reader.js';
import { ByteWriter } from '../../protocol/byte-writer.js';
import { type EnvelopeRecord, decodeRecords, encodeRecord } from '../../protocol/envelope.js';
import { RecordKind } from '../../protocol/record-kind.js';

/** A copy that arrives more than this after the first one may count as new. Links that lag so much are reset before. */
const GENERATION_MS = 10_000;

/*
 * A record for channels of several partitions is published once in each of them. Each partition numbers its envelopes
 * separately, so the numbers cannot identify the copies. Therefore the record is wrapped in a record of kind `Copy`:
 *
 *   varint  id, increases with every wrapped record of this origin
 *           the record, as in an envelope
 */
export function encodeCopy(id: number, record: Buffer): Buffer {
  return encodeRecord(RecordKind.Copy, new ByteWriter(record.length + 8).varint(id).raw(record).finish());
}

/** Drops further copies of a record. Remembers the ids by origin in two generations; the old one is dropped as a whole. */
export class Copies {
  private young = new Map<string, Set<number>>();
  private old = new Map<string, Set<number>>();
  private bornAt = 0;
  /** The number of copies that were dropped. */
  duplicates = 0;

  constructor(private readonly now: () => number) {}

  /**
   * Returns the records in a copy; none if another copy was read before.
   *
   * @throws MalformedBytesError
   */
  read(origin: string, body: Buffer): readonly EnvelopeRecord[] {
    const reader = new ByteReader(body);
    const id = reader.varint();
    const records = decodeRecords(reader.rest());
    if (this.isNew(origin, id)) return records;
    this.duplicates++;
    return [];
  }

  private isNew(origin: string, id: number): boolean {
    this.age();
    if (this.old.get(origin)?.has(id)) return false;
    const ids = this.young.get(origin) ?? new Set();
    if (ids.has(id)) return false;
    this.young.set(origin, ids.add(id));
    return true;
  }

  private age(): void {
    const age = this.now() - this.bornAt;
    if (age < GENERATION_MS) return;
    this.old = age < 2 * GENERATION_MS ? this.young : new Map<string, Set<number>>();
    this.young = new Map();
    this.bornAt = this.now();
  }
}
