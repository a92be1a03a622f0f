import { ByteReader, MalformedBytesError } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import { beginRecord, endRecord } from './envelope.js';
import { RecordKind } from './record-kind.js';
import type { Address, TargetKind, TargetRef } from './target.js';

/*
 * The body of a message record, which carries an emit to the connections of other servers.
 *
 *   u8      flags: 1 = volatile, 2 = the data is a list of several arguments
 *   string  path
 *   count   targets,  each: u8 kind, string name
 *   count   excluded, each: u8 kind, string name
 *   count   payloads, each: u8 client protocol, bytes that the clients of that protocol get unchanged
 *
 * Receivers ignore any bytes after the last payload, which a later minor version may add.
 */
const FLAG_VOLATILE = 1;
const FLAG_ARGUMENTS = 2;
const KIND_CODES: Readonly<Record<TargetKind, number>> = { all: 0, group: 1, user: 2, connection: 3 };
const KINDS: readonly TargetKind[] = ['all', 'group', 'user', 'connection'];

export interface Payload {
  /** The number of the client protocol: see `ClientProtocol.code`. */
  readonly protocol: number;
  readonly bytes: Buffer;
}

export interface MessageRecord {
  readonly address: Address;
  /** Whether the message may be dropped for a slow connection. */
  readonly volatile: boolean;
  /** Whether the data is a list of several arguments, and not one argument. */
  readonly hasArguments: boolean;
  readonly payloads: readonly Payload[];
}

export function encodeMessage({ address, volatile, hasArguments, payloads }: MessageRecord): Buffer {
  const size = payloads.reduce((sum, payload) => sum + payload.bytes.length + 6, 128);
  const flags = (volatile ? FLAG_VOLATILE : 0) | (hasArguments ? FLAG_ARGUMENTS : 0);
  const writer = beginRecord(RecordKind.Message, size).u8(flags);
  writeAddress(writer, address);
  writePayloads(writer, payloads);
  return endRecord(writer);
}

/** @throws MalformedBytesError */
export function decodeMessage(body: Buffer): MessageRecord {
  const reader = new ByteReader(body);
  const flags = reader.u8();
  const volatile = (flags & FLAG_VOLATILE) !== 0;
  const hasArguments = (flags & FLAG_ARGUMENTS) !== 0;
  return { volatile, hasArguments, address: readAddress(reader), payloads: readPayloads(reader) };
}

export function writeAddress(writer: ByteWriter, { path, targets, excluded }: Address): void {
  writer.string(path);
  writeTargets(writer, targets);
  writeTargets(writer, excluded);
}

export function readAddress(reader: ByteReader): Address {
  return { path: reader.string(), targets: readTargets(reader), excluded: readTargets(reader) };
}

export function writePayloads(writer: ByteWriter, payloads: readonly Payload[]): void {
  writer.varint(payloads.length);
  for (const { protocol, bytes } of payloads) writer.u8(protocol).bytes(bytes);
}

export function readPayloads(reader: ByteReader): Payload[] {
  return Array.from({ length: reader.count() }, () => ({ protocol: reader.u8(), bytes: reader.bytes() }));
}

function writeTargets(writer: ByteWriter, targets: readonly TargetRef[]): void {
  writer.varint(targets.length);
  for (const { kind, name } of targets) writer.u8(KIND_CODES[kind]).string(name);
}

function readTargets(reader: ByteReader): TargetRef[] {
  const targets: TargetRef[] = [];
  for (let left = reader.count(); left > 0; left--) {
    const kind = KINDS[reader.u8()];
    if (kind === undefined) throw new MalformedBytesError('a target has an unknown kind');
    targets.push({ kind, name: reader.string() });
  }
  return targets;
}
