import { ByteReader, MalformedBytesError } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { encodeRecord } from './envelope.js';
import { RecordKind } from './record-kind.js';

/*
 * A query asks a server what it holds. It changes nothing, so it may be repeated.
 *
 *   varint  number, unique for its origin; a query that is sent again has the same number
 *   u8      kind of the query, as in QueryKind
 *   bytes   what it asks, until the end: depends on the kind
 *
 * The reply, on the channel of the query's origin, comes in parts:
 *
 *   varint  number of the query
 *   u8      state: 0 = more parts follow, 1 = the last part, 2 = the server cannot answer, because it does not know the
 *           kind or failed
 *   varint  answer: distinguishes the answers to repetitions of the query; rises
 *   varint  index of the part in this answer, from 0
 *   bytes   the part, until the end: depends on the kind
 */
export const QueryKind = {
  /** How many connections and users an address has. */
  Count: 1,
  /** The connections of an address. */
  Members: 2,
  /** Which of some users have a connection. */
  Online: 3,
  /** The connections of a user, with their ages: see session-records.ts. */
  Sessions: 4,
  /** Which connections an emit would reach, and whether the server hears its channels: see explain-records.ts. */
  Explain: 6,
  /** Why an emit would or would not reach a connection: see explain-records.ts. */
  ExplainConnection: 7,
  /** The connections of a group, with the version of the list, from now on watched: see presence-records.ts. */
  Rows: 5,
} as const;

const STATES = ['more', 'last', 'unable'] as const;

export interface QueryRecord {
  readonly number: number;
  readonly kind: number;
  readonly body: Buffer;
}

export interface QueryReplyRecord {
  readonly number: number;
  readonly state: (typeof STATES)[number];
  readonly answer: number;
  readonly index: number;
  readonly body: Buffer;
}

export function encodeQuery({ number, kind, body }: QueryRecord): Buffer {
  return encodeRecord(RecordKind.Query, new ByteWriter().varint(number).u8(kind).raw(body).finish());
}

/** @throws MalformedBytesError */
export function decodeQuery(bytes: Buffer): QueryRecord {
  const reader = new ByteReader(bytes);
  return { number: reader.varint(), kind: reader.u8(), body: reader.rest() };
}

export function encodeQueryReply({ number, state, answer, index, body }: QueryReplyRecord): Buffer {
  const writer = new ByteWriter(body.length + 24).varint(number).u8(STATES.indexOf(state));
  return encodeRecord(RecordKind.QueryReply, writer.varint(answer).varint(index).raw(body).finish());
}

/** @throws MalformedBytesError */
export function decodeQueryReply(bytes: Buffer): QueryReplyRecord {
  const reader = new ByteReader(bytes);
  const number = reader.varint();
  const state = STATES[reader.u8()];
  if (state === undefined) throw new MalformedBytesError('a reply to a query has an unknown state');
  return { number, state, answer: reader.varint(), index: reader.varint(), body: reader.rest() };
}
