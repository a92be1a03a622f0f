import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { FIRST_CAPABILITIES } from './capabilities.js';
import { encodeRecord } from './envelope.js';
import { RecordKind } from './record-kind.js';

/*
 * A heartbeat:
 *
 *   varint   number: one more than that of the previous heartbeat, so that receivers notice when they missed one. The
 *            sender skips a number if its peers may have missed messages without missing a heartbeat
 *   varint   send time: milliseconds since the sender's process started
 *   varint   duration of the sender's slowest publish in the last seconds, in milliseconds. The next message that Redis
 *            receives may have been emitted that long before, so loss windows begin earlier by as much. Absent in
 *            heartbeats of older releases
 *   varint   moves: how often the sender's publisher link has changed to another Redis node. Absent, like the two fields
 *            below, if it never has and no field follows
 *   varint   milliseconds since the sender lost its link to the previous node
 *   varint   milliseconds since the sender's link to the current node came up
 *   varint   capabilities of the sender, as in capabilities.ts. Absent if they are those of the first release
 */
export interface Heartbeat {
  readonly number: number;
  readonly sentAt: number;
  /** 0 if absent. */
  readonly publishMs: number;
  /** Moves of the publisher link between Redis nodes. The times are ages in milliseconds. */
  readonly moves: { readonly count: number; readonly leftAgo: number; readonly arrivedAgo: number };
  readonly capabilities: number;
}

const NO_MOVES: Heartbeat['moves'] = { count: 0, leftAgo: 0, arrivedAgo: 0 };

export function encodeHeartbeat({
  number,
  sentAt,
  publishMs = 0,
  moves = NO_MOVES,
  capabilities = FIRST_CAPABILITIES,
}: Pick<Heartbeat, 'number' | 'sentAt'> & Partial<Heartbeat>): Buffer {
  const body = new ByteWriter(18).varint(number).varint(Math.floor(sentAt)).varint(Math.ceil(publishMs));
  const tellsCapabilities = capabilities !== FIRST_CAPABILITIES;
  if (moves.count > 0 || tellsCapabilities)
    body.varint(moves.count).varint(Math.floor(moves.leftAgo)).varint(Math.ceil(moves.arrivedAgo));
  if (tellsCapabilities) body.varint(capabilities);
  return encodeRecord(RecordKind.Heartbeat, body.finish());
}

/** @throws MalformedBytesError */
export function decodeHeartbeat(body: Buffer): Heartbeat {
  const reader = new ByteReader(body);
  const number = reader.varint();
  const sentAt = reader.varint();
  const publishMs = reader.atEnd ? 0 : reader.varint();
  const moves = reader.atEnd
    ? NO_MOVES
    : { count: reader.varint(), leftAgo: reader.varint(), arrivedAgo: reader.varint() };
  const capabilities = reader.atEnd ? FIRST_CAPABILITIES : reader.varint();
  return { number, sentAt, publishMs, moves, capabilities };
}
