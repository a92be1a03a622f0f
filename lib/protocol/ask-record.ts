import { ByteReader, MalformedBytesError } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { encodeRecord } from './envelope.js';
import { readAddress, readPayloads, writeAddress, writePayloads, type Payload } from './message-record.js';
import { RecordKind } from './record-kind.js';
import type { Address } from './target.js';

/*
 * An ask: a message that its clients must answer. The payloads already hold the ask's id.
 *
 *   string   id, which the clients give back: unique in the farm
 *   varint   milliseconds after which nobody waits for answers any more
 *   address, payloads  as in message-record.ts
 *
 * Its reply, from each server that got it: whom it asked.
 *
 *   string   id
 *   count    connection ids, each: string
 *
 * Then an answer for each of these connections:
 *
 *   string   id
 *   string   connection id
 *   u8       outcome: 0 = data, 1 = the client's error, 2 = the connection was closed
 *   u8       client protocol of the bytes
 *   bytes    the data or the client's error
 */
const OUTCOMES = ['data', 'error', 'disconnected'] as const;

export interface AskRecord {
  readonly id: string;
  readonly timeoutMs: number;
  readonly address: Address;
  readonly payloads: readonly Payload[];
}

export interface AskReplyRecord {
  readonly id: string;
  readonly asked: readonly string[];
}

export interface AnswerRecord {
  readonly id: string;
  readonly connectionId: string;
  readonly outcome: AnswerOutcome;
  readonly payload: Payload;
}

export type AnswerOutcome = (typeof OUTCOMES)[number];

export function encodeAsk({ id, timeoutMs, address, payloads }: AskRecord): Buffer {
  const writer = new ByteWriter().string(id).varint(timeoutMs);
  writeAddress(writer, address);
  writePayloads(writer, payloads);
  return encodeRecord(RecordKind.Ask, writer.finish());
}

/** @throws MalformedBytesError */
export function decodeAsk(body: Buffer): AskRecord {
  const reader = new ByteReader(body);
  return {
    id: reader.string(),
    timeoutMs: reader.varint(),
    address: readAddress(reader),
    payloads: readPayloads(reader),
  };
}

export function encodeAskReply({ id, asked }: AskReplyRecord): Buffer {
  return encodeRecord(RecordKind.AskReply, new ByteWriter().string(id).strings(asked).finish());
}

/** @throws MalformedBytesError */
export function decodeAskReply(body: Buffer): AskReplyRecord {
  const reader = new ByteReader(body);
  return { id: reader.string(), asked: reader.strings() };
}

export function encodeAnswer({ id, connectionId, outcome, payload }: AnswerRecord): Buffer {
  const writer = new ByteWriter().string(id).string(connectionId).u8(OUTCOMES.indexOf(outcome));
  writer.u8(payload.protocol).bytes(payload.bytes);
  return encodeRecord(RecordKind.Answer, writer.finish());
}

/** @throws MalformedBytesError */
export function decodeAnswer(body: Buffer): AnswerRecord {
  const reader = new ByteReader(body);
  const id = reader.string();
  const connectionId = reader.string();
  const outcome = OUTCOMES[reader.u8()];
  if (outcome === undefined) throw new MalformedBytesError('an answer of an unknown outcome');
  return { id, connectionId, outcome, payload: { protocol: reader.u8(), bytes: reader.bytes() } };
}
