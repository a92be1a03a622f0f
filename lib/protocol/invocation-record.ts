import { ByteReader, MalformedBytesError } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { encodeRecord } from './envelope.js';
import { readAddress, readPayloads, writeAddress, writePayloads, type Payload } from './message-record.js';
import { RecordKind } from './record-kind.js';
import type { Address } from './target.js';

/*
 * An invocation: a message that its clients must respond to. The payloads already contain the invocation's id.
 *
 *   string   id, unique in the farm; clients echo it in their response
 *   varint   timeout in milliseconds; after that, nobody waits for responses
 *   address, payloads  as in message-record.ts
 *   u8       1 = the data is a list of several arguments; missing otherwise
 *
 * The invocation reply, one from each server that received the invocation: the connections that it invoked.
 *
 *   string   id
 *   count    connection ids, each: string
 *
 * Then a response for each of these connections:
 *
 *   string   id
 *   string   connection id
 *   u8       outcome: 0 = data, 1 = the client's error, 2 = the connection was closed
 *   u8       client protocol of the bytes
 *   bytes    the data or the client's error
 */
const OUTCOMES = ['data', 'error', 'disconnected'] as const;

export interface InvocationRecord {
  readonly id: string;
  readonly timeoutMs: number;
  readonly address: Address;
  /** Whether the data is a list of several arguments, and not one argument. */
  readonly hasArguments: boolean;
  readonly payloads: readonly Payload[];
}

export interface InvocationReplyRecord {
  readonly id: string;
  /** The ids of the connections that the server invoked. */
  readonly invoked: readonly string[];
}

export interface ResponseRecord {
  readonly id: string;
  readonly connectionId: string;
  readonly outcome: ResponseOutcome;
  readonly payload: Payload;
}

export type ResponseOutcome = (typeof OUTCOMES)[number];

export function encodeInvocation({
  id,
  timeoutMs,
  address,
  hasArguments,
  payloads,
}: InvocationRecord): Buffer {
  const writer = new ByteWriter().string(id).varint(timeoutMs);
  writeAddress(writer, address);
  writePayloads(writer, payloads);
  if (hasArguments) writer.u8(1);
  return encodeRecord(RecordKind.Invocation, writer.finish());
}

/** @throws MalformedBytesError */
export function decodeInvocation(body: Buffer): InvocationRecord {
  const reader = new ByteReader(body);
  return {
    id: reader.string(),
    timeoutMs: reader.varint(),
    address: readAddress(reader),
    payloads: readPayloads(reader),
    hasArguments: !reader.atEnd && reader.u8() === 1,
  };
}

export function encodeInvocationReply({ id, invoked }: InvocationReplyRecord): Buffer {
  return encodeRecord(RecordKind.InvocationReply, new ByteWriter().string(id).strings(invoked).finish());
}

/** @throws MalformedBytesError */
export function decodeInvocationReply(body: Buffer): InvocationReplyRecord {
  const reader = new ByteReader(body);
  return { id: reader.string(), invoked: reader.strings() };
}

export function encodeResponse({ id, connectionId, outcome, payload }: ResponseRecord): Buffer {
  const writer = new ByteWriter().string(id).string(connectionId).u8(OUTCOMES.indexOf(outcome));
  writer.u8(payload.protocol).bytes(payload.bytes);
  return encodeRecord(RecordKind.Response, writer.finish());
}

/** @throws MalformedBytesError */
export function decodeResponse(body: Buffer): ResponseRecord {
  const reader = new ByteReader(body);
  const id = reader.string();
  const connectionId = reader.string();
  const outcome = OUTCOMES[reader.u8()];
  if (outcome === undefined) throw new MalformedBytesError('a response with an unknown outcome');
  return { id, connectionId, outcome, payload: { protocol: reader.u8(), bytes: reader.bytes() } };
}
