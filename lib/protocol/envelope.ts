import { crc32 } from 'node:zlib';
import { ByteReader, MalformedBytesError } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';

/*
 * An envelope is what one PUBLISH carries. All integers are big-endian.
 *
 *   offset  size  field
 *        0     1  magic, 0xB7: distinguishes our messages from foreign ones on the same channel
 *        1     1  major version, 1: receivers ignore the rest of any other version
 *        2     1  header length, 25: a later minor version may add fields after `number`
 *        3     4  CRC-32 of bytes 0 to 2 and of all bytes from 7 to the end
 *        7    12  origin: the server id of the sender, 12 ASCII characters
 *       19     6  number: increases with every envelope of this origin
 *       25        records, until the end, each:
 *                   varint  length of the rest of the record; may be padded to more bytes than necessary
 *                   u8      kind, see record-kind.ts
 *                           body: its format depends on the kind
 *
 * An envelope that is published on several channels is identical on each of them, so a receiver recognizes further
 * copies by their number. Emits of one tick for the same channels share an envelope, with one record each.
 */
const MAGIC = 0xb7;
const VERSION = 1;
export const HEADER_LENGTH = 25;
const CRC_OFFSET = 3;
const CRC_END = 7;
const ORIGIN_OFFSET = 7;
const NUMBER_OFFSET = 19;
/** The size of a record's length if it is filled in later: 4 bytes hold 28 bits. */
const LENGTH_WIDTH = 4;
/** Characters of a server id, all of them ASCII. */
export const SERVER_ID_LENGTH = 12;

export interface Envelope {
  readonly origin: string;
  readonly number: number;
  readonly records: readonly EnvelopeRecord[];
}

export interface EnvelopeRecord {
  readonly kind: number;
  readonly body: Buffer;
}

export type DecodedEnvelope =
  | { readonly ok: true; readonly envelope: Envelope }
  | { readonly ok: false; readonly reason: 'foreign' | 'malformed' }
  | { readonly ok: false; readonly reason: 'version'; readonly version: number };

/** Encodes one record of an envelope. */
export function encodeRecord(kind: number, body: Buffer): Buffer {
  return new ByteWriter(body.length + 6)
    .varint(body.length + 1)
    .u8(kind)
    .raw(body)
    .finish();
}

/**
 * Starts a record. The caller writes the body straight into it, which saves a copy, and then calls {@link endRecord}.
 *
 * @param bodySize an estimate, in bytes
 */
export function beginRecord(kind: number, bodySize: number): ByteWriter {
  return new ByteWriter(LENGTH_WIDTH + 1 + bodySize).skip(LENGTH_WIDTH).u8(kind);
}

/** Fills in the length of a record that {@link beginRecord} started, as a varint that is padded to 4 bytes. */
export function endRecord(writer: ByteWriter): Buffer {
  const record = writer.finish();
  let length = record.length - LENGTH_WIDTH;
  for (let index = 0; index < LENGTH_WIDTH - 1; index++) {
    record[index] = (length & 0x7f) | 0x80;
    length >>>= 7;
  }
  record[LENGTH_WIDTH - 1] = length;
  return record;
}

/**
 * Encodes an envelope.
 *
 * @param records results of {@link encodeRecord} or {@link endRecord}, in the order in which receivers process them
 */
export function encodeEnvelope(origin: string, number: number, records: readonly Buffer[]): Buffer {
  const bodies = records.reduce((sum, record) => sum + record.length, 0);
  const bytes = Buffer.allocUnsafe(HEADER_LENGTH + bodies);
  bytes[0] = MAGIC;
  bytes[1] = VERSION;
  bytes[2] = HEADER_LENGTH;
  bytes.write(origin, ORIGIN_OFFSET, SERVER_ID_LENGTH, 'latin1');
  bytes.writeUIntBE(number, NUMBER_OFFSET, 6);
  let offset = HEADER_LENGTH;
  for (const record of records) {
    bytes.set(record, offset);
    offset += record.length;
  }
  bytes.writeUInt32BE(checksum(bytes), CRC_OFFSET);
  return bytes;
}

/**
 * Decodes an envelope. The bodies of its records are views of `bytes`. Never throws: the result says why bytes cannot
 * be read.
 */
export function decodeEnvelope(bytes: Buffer): DecodedEnvelope {
  if (bytes.length < CRC_END || bytes[0] !== MAGIC) return { ok: false, reason: 'foreign' };
  if (bytes.readUInt32BE(CRC_OFFSET) !== checksum(bytes)) return { ok: false, reason: 'malformed' };
  const version = bytes[1] as number;
  if (version !== VERSION) return { ok: false, reason: 'version', version };
  const headerLength = bytes[2] as number;
  if (headerLength < HEADER_LENGTH || headerLength > bytes.length) return { ok: false, reason: 'malformed' };
  try {
    const envelope: Envelope = {
      origin: bytes.toString('latin1', ORIGIN_OFFSET, ORIGIN_OFFSET + SERVER_ID_LENGTH),
      number: bytes.readUIntBE(NUMBER_OFFSET, 6),
      records: decodeRecords(bytes.subarray(headerLength)),
    };
    return { ok: true, envelope };
  } catch (error) {
    if (error instanceof MalformedBytesError) return { ok: false, reason: 'malformed' };
    throw error;
  }
}

/** @throws MalformedBytesError */
export function decodeRecords(bytes: Buffer): EnvelopeRecord[] {
  const reader = new ByteReader(bytes);
  const records: EnvelopeRecord[] = [];
  while (!reader.atEnd) {
    const record = reader.bytes();
    if (record.length === 0) throw new MalformedBytesError('a record is empty');
    records.push({ kind: record[0] as number, body: record.subarray(1) });
  }
  return records;
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(CRC_END), crc32(bytes.subarray(0, CRC_OFFSET)));
}
