import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { readAddress, writeAddress } from './message-record.js';
import type { Address } from './target.js';

/*
 * The bodies of queries about members, and the parts of the answers: see query-record.ts.
 *
 * Count:    address, as in message-record.ts
 * a part:   varint   connections
 *           count    ids of users who were in no earlier part of this answer, each: string
 *
 * Members:  address
 *           varint   the maximum number of members in the answer
 * a part:   u8       1 = the server has more members than it lists
 *           members, until the end, each:
 *             string   connection id without the server's id and the dot; whole if it roams
 *             string   user id; empty if it has none
 *             string   presence data in JSON; empty if it has none
 *
 * Online:   string   path
 *           count    user ids, each: string
 * a part:   count    those of them who have a connection to the server, each: string
 */
export interface CountPart {
  readonly connections: number;
  readonly users: readonly string[];
}

export interface MembersQuery {
  readonly address: Address;
  readonly limit: number;
}

/** A member as its server lists it. Empty strings stand for what it does not have. */
export interface MemberRow {
  /** The connection's short id: see connection-id.ts. */
  readonly id: string;
  readonly userId: string;
  /** JSON text. */
  readonly data: string;
}

export interface MembersPart {
  readonly hasMore: boolean;
  readonly rows: readonly MemberRow[];
}

export interface OnlineQuery {
  readonly path: string;
  readonly users: readonly string[];
}

export function encodeCountQuery(address: Address): Buffer {
  const writer = new ByteWriter();
  writeAddress(writer, address);
  return writer.finish();
}

/** @throws MalformedBytesError */
export function decodeCountQuery(body: Buffer): Address {
  return readAddress(new ByteReader(body));
}

export function encodeCountPart({ connections, users }: CountPart): Buffer {
  return new ByteWriter().varint(connections).strings(users).finish();
}

/** @throws MalformedBytesError */
export function decodeCountPart(part: Buffer): CountPart {
  const reader = new ByteReader(part);
  return { connections: reader.varint(), users: reader.strings() };
}

export function encodeMembersQuery({ address, limit }: MembersQuery): Buffer {
  const writer = new ByteWriter();
  writeAddress(writer, address);
  return writer.varint(limit).finish();
}

/** @throws MalformedBytesError */
export function decodeMembersQuery(body: Buffer): MembersQuery {
  const reader = new ByteReader(body);
  return { address: readAddress(reader), limit: reader.varint() };
}

export function encodeMembersPart({ hasMore, rows }: MembersPart): Buffer {
  const writer = new ByteWriter(64 * rows.length + 1).u8(hasMore ? 1 : 0);
  for (const row of rows) writeRow(writer, row);
  return writer.finish();
}

/** @throws MalformedBytesError */
export function decodeMembersPart(part: Buffer): MembersPart {
  const reader = new ByteReader(part);
  const hasMore = reader.u8() === 1;
  const rows: MemberRow[] = [];
  while (!reader.atEnd) rows.push(readRow(reader));
  return { hasMore, rows };
}

export function encodeOnlineQuery({ path, users }: OnlineQuery): Buffer {
  return new ByteWriter().string(path).strings(users).finish();
}

/** @throws MalformedBytesError */
export function decodeOnlineQuery(body: Buffer): OnlineQuery {
  const reader = new ByteReader(body);
  return { path: reader.string(), users: reader.strings() };
}

export function encodeOnlinePart(users: readonly string[]): Buffer {
  return new ByteWriter().strings(users).finish();
}

/** @throws MalformedBytesError */
export function decodeOnlinePart(part: Buffer): readonly string[] {
  return new ByteReader(part).strings();
}

export function writeRow(writer: ByteWriter, { id, userId, data }: MemberRow): void {
  writer.string(id).string(userId).string(data);
}

/** @throws MalformedBytesError */
export function readRow(reader: ByteReader): MemberRow {
  return { id: reader.string(), userId: reader.string(), data: reader.string() };
}
