import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';

/*
 * The query for the connections of a user, and a part of the answer: see query-record.ts.
 *
 * Sessions:  string   path
 *            string   user id
 * a part, until the end, for each connection:
 *            string   connection id
 *            varint   how long it has been connected, in milliseconds
 */
export interface SessionsQuery {
  readonly path: string;
  readonly userId: string;
}

export interface SessionEntry {
  readonly id: string;
  readonly ageMs: number;
}

export function encodeSessionsQuery({ path, userId }: SessionsQuery): Buffer {
  return new ByteWriter().string(path).string(userId).finish();
}

/** @throws MalformedBytesError */
export function decodeSessionsQuery(body: Buffer): SessionsQuery {
  const reader = new ByteReader(body);
  return { path: reader.string(), userId: reader.string() };
}

export function encodeSessionsPart(entries: readonly SessionEntry[]): Buffer {
  const writer = new ByteWriter();
  for (const { id, ageMs } of entries) writer.string(id).varint(Math.round(ageMs));
  return writer.finish();
}

/** @throws MalformedBytesError */
export function decodeSessionsPart(part: Buffer): SessionEntry[] {
  const reader = new ByteReader(part);
  const entries: SessionEntry[] = [];
  while (!reader.atEnd) entries.push({ id: reader.string(), ageMs: reader.varint() });
  return entries;
}
