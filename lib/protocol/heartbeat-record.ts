import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { encodeRecord } from './envelope.js';
import { RecordKind } from './record-kind.js';

/*
 * A heartbeat:
 *
 *   varint   number: one more than the heartbeat before, so that whoever hears them knows of one that it missed
 */

export function encodeHeartbeat(number: number): Buffer {
  return encodeRecord(RecordKind.Heartbeat, new ByteWriter(8).varint(number).finish());
}

/** @throws MalformedBytesError */
export function decodeHeartbeat(body: Buffer): number {
  return new ByteReader(body).varint();
}
