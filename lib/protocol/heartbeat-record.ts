import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { FIRST_CAPABILITIES } from './capabilities.js';
import { encodeRecord } from './envelope.js';
import { RecordKind } from './record-kind.js';

/*
 * A heartbeat:
 *
 *   varint   number: one more than the heartbeat before, so that a receiver notices when it missed one;
 *            one is skipped where others may have missed messages without missing a heartbeat
 *   varint   when it was sent: milliseconds since the sender's process started
 *   varint   for how many milliseconds the sender's slowest publish of the last seconds was under way: so much older
 *            than what Redis took last may an emit be that it takes next. A release that knows nothing of it leaves it out
 *   varint   how often the sender's publisher link has led to another Redis node than before; it and what follows are left
 *            out where that is never
 *   varint   how many milliseconds ago it lost the link to the node before
 *   varint   how many milliseconds ago it had the link to the present node
 *   varint   what the sender can do, as in capabilities.ts; left out where that is what the first release could
 */
export interface Heartbeat {
  readonly number: number;
  readonly sentAt: number;
  /** 0 where it is not told. */
  readonly publishMs: number;
  /** Times are how long ago, in milliseconds. */
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
