import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { encodeRecord } from './envelope.js';
import { RecordKind } from './record-kind.js';

/*
 * A heartbeat:
 *
 *   varint   number: one more than the heartbeat before, so that whoever hears them knows of one that it missed;
 *            one is skipped where others may have missed messages without missing a heartbeat
 *   varint   when it was sent: milliseconds on the sender's own clock, which only differences are taken of
 */
export interface Heartbeat {
  readonly number: number;
  readonly sentAt: number;
}

export function encodeHeartbeat({ number, sentAt }: Heartbeat): Buffer {
  return encodeRecord(
    RecordKind.Heartbeat,
    new ByteWriter(16).varint(number).varint(Math.floor(sentAt)).finish(),
  );
}

/** @throws MalformedBytesError */
export function decodeHeartbeat(body: Buffer): Heartbeat {
  const reader = new ByteReader(body);
  return { number: reader.varint(), sentAt: reader.varint() };
}
