import { ByteReader } from '../../protocol/byte-reader.js';
import { ByteWriter } from '../../protocol/byte-writer.js';
import { type EnvelopeRecord, decodeRecords, encodeRecord } from '../../protocol/envelope.js';
import { RecordKind } from '../../protocol/record-kind.js';

/** A copy that comes later than one generation after the first is taken for new: links that lag so much are reset. */
const GENERATION_MS = 10_000;

/*
 * A record for channels of several partitions travels once in each of them, in envelopes with numbers of their
 * own. So it is wrapped, as a record of kind `Copy`:
 *
 *   varint  id: rises with every wrapped record of this origin
 *           the record, as it would stand in an envelope
 */
export function encodeCopy(id: number, record: Buffer): Buffer {
  return encodeRecord(RecordKind.Copy, new ByteWriter(record.length + 8).varint(id).raw(record).finish());
}

/** Remembers which copies it has seen, by origin, in two generations: the younger one becomes the older one in time. */
export class Copies {
  private young = new Map<string, Set<number>>();
  private old = new Map<string, Set<number>>();
  private bornAt = 0;
  /** Further copies of what was seen. */
  duplicates = 0;

  constructor(private readonly now: () => number) {}

  /**
   * The records in it; none where another copy of it was read before.
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
