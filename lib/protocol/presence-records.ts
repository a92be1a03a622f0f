import { ByteReader, MalformedBytesError } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { encodeRecord } from './envelope.js';
import { type MemberRow, readRow, writeRow } from './member-records.js';
import { RecordKind } from './record-kind.js';

/*
 * The records of a watched group. Each server publishes the rows of its own connections only, and numbers their versions.
 *
 * A lease, on the group's channel: somebody watches the group. Servers with members publish their changes for ten seconds.
 *
 *   string   path
 *   string   group; empty for the occupied groups of the path. Their records travel on the servers' channel, and the rows
 *            have the name of a group as both the connection's and the user's id
 *
 * A change, on the group's channel:
 *
 *   string   path
 *   string   group
 *   varint   the version to which the change applies
 *   varint   the version after it
 *   count    rows that are new or changed, each: as in member-records.ts
 *   until the end, rows that are gone, each:
 *     string   connection id without the server's id and the dot
 *     u8       why: 0 = left the group, 1 = disconnected, 2 = its server is shutting down
 *
 * A digest, on the servers' channel, of groups that are watched, until the end, each:
 *
 *   varint   CRC-32 of the group's channel; for the occupied groups of a path, of the channel of all its connections
 *   varint   the version of the sender's rows
 *
 * The query for a server's rows of a group: string path, string group. Each part of the answer:
 *
 *   varint   version
 *   rows, until the end
 */
const CAUSES = ['left', 'disconnected', 'serverLeft'] as const;

/** Why a connection is no longer in a group, as its server says. */
export type RowGoneCause = (typeof CAUSES)[number];

/** What can be watched: the members of a group, or the occupied groups of a path. */
export interface PresenceTopic {
  readonly path: string;
  /** Empty for the occupied groups of the path. */
  readonly group: string;
}

export interface GoneRow {
  /** The connection's id without the server's id and the dot. */
  readonly id: string;
  readonly cause: RowGoneCause;
}

/** What changed among the rows of one server. */
export interface PresenceDiff {
  /** The version to which it applies. */
  readonly from: number;
  /** The version after it. */
  readonly version: number;
  /** New and changed rows. */
  readonly rows: readonly MemberRow[];
  readonly gone: readonly GoneRow[];
}

export interface DigestEntry {
  /** CRC-32 of the topic's key: the channel of the group, or that of all connections of the path. */
  readonly topic: number;
  readonly version: number;
}

export interface RowsPart {
  readonly version: number;
  readonly rows: readonly MemberRow[];
}

export function encodeLease(topic: PresenceTopic): Buffer {
  return encodeRecord(RecordKind.PresenceLease, encodeTopic(topic));
}

/** Also encodes the query for a server's rows. */
export function encodeTopic({ path, group }: PresenceTopic): Buffer {
  return new ByteWriter().string(path).string(group).finish();
}

/** @throws MalformedBytesError */
export function decodeTopic(body: Buffer): PresenceTopic {
  return readTopic(new ByteReader(body));
}

export function encodeDiff(
  { path, group }: PresenceTopic,
  { from, version, rows, gone }: PresenceDiff,
): Buffer {
  const writer = new ByteWriter(128 + 64 * rows.length + 16 * gone.length).string(path).string(group);
  writer.varint(from).varint(version).varint(rows.length);
  for (const row of rows) writeRow(writer, row);
  for (const { id, cause } of gone) writer.string(id).u8(CAUSES.indexOf(cause));
  return encodeRecord(RecordKind.PresenceDiff, writer.finish());
}

/** @throws MalformedBytesError */
export function decodeDiff(body: Buffer): { topic: PresenceTopic; diff: PresenceDiff } {
  const reader = new ByteReader(body);
  const topic = readTopic(reader);
  const from = reader.varint();
  const version = reader.varint();
  const rows = Array.from({ length: reader.count() }, () => readRow(reader));
  const gone: GoneRow[] = [];
  while (!reader.atEnd) gone.push({ id: reader.string(), cause: readCause(reader) });
  return { topic, diff: { from, version, rows, gone } };
}

export function encodeDigest(entries: readonly DigestEntry[]): Buffer {
  const writer = new ByteWriter(entries.length * 12);
  for (const { topic, version } of entries) writer.varint(topic).varint(version);
  return encodeRecord(RecordKind.PresenceDigest, writer.finish());
}

/** @throws MalformedBytesError */
export function decodeDigest(body: Buffer): DigestEntry[] {
  const reader = new ByteReader(body);
  const entries: DigestEntry[] = [];
  while (!reader.atEnd) entries.push({ topic: reader.varint(), version: reader.varint() });
  return entries;
}

export function encodeRowsPart({ version, rows }: RowsPart): Buffer {
  const writer = new ByteWriter(8 + 64 * rows.length).varint(version);
  for (const row of rows) writeRow(writer, row);
  return writer.finish();
}

/** @throws MalformedBytesError */
export function decodeRowsPart(part: Buffer): RowsPart {
  const reader = new ByteReader(part);
  const version = reader.varint();
  const rows: MemberRow[] = [];
  while (!reader.atEnd) rows.push(readRow(reader));
  return { version, rows };
}

function readTopic(reader: ByteReader): PresenceTopic {
  return { path: reader.string(), group: reader.string() };
}

function readCause(reader: ByteReader): RowGoneCause {
  const cause = CAUSES[reader.u8()];
  if (cause === undefined) throw new MalformedBytesError('a row is gone for an unknown reason');
  return cause;
}
