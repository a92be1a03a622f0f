import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { encodeRecord } from './envelope.js';
import { RecordKind } from './record-kind.js';

/*
 * A card: what a server says about itself.
 *
 *   string   host name, shortened in the middle to at most 40 bytes
 *   varint   process id
 *   string   version of the app, shortened in the middle to at most 24 bytes; empty if the app has not set one
 *   varint   milliseconds since the sender started. An age, so that the clocks of two machines need not agree
 *   u8       bit 0: whether a load balancer should send clients to it; receivers ignore the other bits
 *   varint   event-loop delay in milliseconds
 *   varint   connections on all paths
 *   count    paths, each: string path, varint connections. The largest first; paths that do not fit are left out
 *            receivers ignore what follows
 */
/** The maximum size of a card's record, in bytes. The heartbeat that it travels with must stay small. */
export const MAX_CARD_BYTES = 100;
const MAX_HOSTNAME_BYTES = 40;
export const MAX_APP_VERSION_BYTES = 24;
/** The length and the kind of a record of at most 127 bytes, and the number of paths. */
const OVERHEAD_BYTES = 3;
/** Four bytes as a varint, and longer than any process is stalled. */
const MAX_DELAY_MS = 2 ** 28 - 1;
const READY = 1;

export interface ServerCard {
  readonly hostname: string;
  readonly pid: number;
  readonly appVersion: string | undefined;
  /** How long ago the server started, in milliseconds. */
  readonly ageMs: number;
  readonly isReady: boolean;
  readonly eventLoopDelayMs: number;
  /** On all paths. */
  readonly connections: number;
  /** The largest paths, with their connections. A card that was received may lack some. */
  readonly paths: readonly (readonly [path: string, connections: number])[];
}

/** Encodes the record, of at most {@link MAX_CARD_BYTES}. */
export function encodeCard(card: ServerCard): Buffer {
  const fixed = new ByteWriter(MAX_CARD_BYTES)
    .string(shortened(card.hostname, MAX_HOSTNAME_BYTES))
    .varint(card.pid)
    .string(shortened(card.appVersion ?? '', MAX_APP_VERSION_BYTES))
    .varint(Math.round(card.ageMs))
    .u8(card.isReady ? READY : 0)
    .varint(Math.min(Math.round(card.eventLoopDelayMs), MAX_DELAY_MS))
    .varint(card.connections)
    .finish();
  let room = MAX_CARD_BYTES - OVERHEAD_BYTES - fixed.length;
  const fitting: Buffer[] = [];
  for (const [path, connections] of card.paths.toSorted(([, a], [, b]) => b - a)) {
    const entry = new ByteWriter(path.length + 8).string(path).varint(connections).finish();
    if (entry.length > room) continue;
    room -= entry.length;
    fitting.push(entry);
  }
  const count = new ByteWriter(1).varint(fitting.length).finish();
  return encodeRecord(RecordKind.Card, Buffer.concat([fixed, count, ...fitting]));
}

/** @throws MalformedBytesError */
export function decodeCard(body: Buffer): ServerCard {
  const reader = new ByteReader(body);
  return {
    hostname: reader.string(),
    pid: reader.varint(),
    appVersion: reader.string() || undefined,
    ageMs: reader.varint(),
    isReady: (reader.u8() & READY) === READY,
    eventLoopDelayMs: reader.varint(),
    connections: reader.varint(),
    paths: Array.from({ length: reader.count() }, () => [reader.string(), reader.varint()] as const),
  };
}

/** Removes characters from the middle, because the names of pods differ at their end. */
function shortened(text: string, maxBytes: number): string {
  const characters = Array.from(text);
  let short = text;
  for (let removed = 1; Buffer.byteLength(short) > maxBytes; removed++) {
    const start = Math.floor((characters.length - removed) / 2);
    short = [...characters.slice(0, start), '…', ...characters.slice(start + removed)].join('');
  }
  return short;
}
