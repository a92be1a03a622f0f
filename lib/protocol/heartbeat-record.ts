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
 *   varint   for how many milliseconds the sender's slowest publish of the last seconds was under way: so much older
 *            than what Redis took last may an emit be that it takes next. A release that knows nothing of it leaves it out
 */
export interface Heartbeat {
  readonly number: number;
  readonly sentAt: number;
  /** 0 where it is not told. */
  readonly publishMs: number;
}

export function encodeHeartbeat({
  number,
  sentAt,
  publishMs = 0,
}: Omit<Heartbeat, 'publishMs'> & Partial<Heartbeat>): Buffer {
  return encodeRecord(
    RecordKind.Heartbeat,
    new ByteWriter(18).varint(number).varint(Math.floor(sentAt)).varint(Math.ceil(publishMs)).finish(),
  );
}

/** @throws MalformedBytesError */
export function decodeHeartbeat(body: Buffer): Heartbeat {
  const reader = new ByteReader(body);
  const number = reader.varint();
  const sentAt = reader.varint();
  return { number, sentAt, publishMs: reader.atEnd ? 0 : reader.varint() };
}
