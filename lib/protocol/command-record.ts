import { ByteReader, MalformedBytesError } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { encodeRecord } from './envelope.js';
import { readAddress, writeAddress } from './message-record.js';
import { RecordKind } from './record-kind.js';
import type { Address } from './target.js';

/*
 * A command tells a server to join, leave or disconnect those of its connections that the address names.
 *
 *   varint   number, unique for its origin; a command that is sent again has the same number
 *   address  as in message-record.ts
 *   u8       action: 1 = join, 2 = leave, 3 = disconnect
 *   string   join, leave: the group;  disconnect: the reason
 *   varint   disconnect: the close code; otherwise 0
 *
 * The reply, on the channel of the command's origin:
 *
 *   varint   number of the command
 *   string   error message; empty on success
 *   count    connection ids in the address that the server does not hold, each: string
 */
const ACTIONS = { join: 1, leave: 2, disconnect: 3 } as const;

export type CommandAction =
  | { readonly name: 'join' | 'leave'; readonly group: string }
  | { readonly name: 'disconnect'; readonly code: number; readonly reason: string };

export interface CommandRecord {
  readonly number: number;
  readonly address: Address;
  readonly action: CommandAction;
}

export interface CommandReplyRecord {
  readonly number: number;
  readonly error: string;
  readonly missing: readonly string[];
}

export function encodeCommand({ number, address, action }: CommandRecord): Buffer {
  const writer = new ByteWriter().varint(number);
  writeAddress(writer, address);
  writer.u8(ACTIONS[action.name]);
  if (action.name === 'disconnect') writer.string(action.reason).varint(action.code);
  else writer.string(action.group).varint(0);
  return encodeRecord(RecordKind.Command, writer.finish());
}

/** @throws MalformedBytesError */
export function decodeCommand(body: Buffer): CommandRecord {
  const reader = new ByteReader(body);
  const number = reader.varint();
  const address = readAddress(reader);
  return { number, address, action: readAction(reader.u8(), reader.string(), reader.varint()) };
}

export function encodeCommandReply({ number, error, missing }: CommandReplyRecord): Buffer {
  const writer = new ByteWriter().varint(number).string(error).strings(missing);
  return encodeRecord(RecordKind.CommandReply, writer.finish());
}

/** @throws MalformedBytesError */
export function decodeCommandReply(body: Buffer): CommandReplyRecord {
  const reader = new ByteReader(body);
  return { number: reader.varint(), error: reader.string(), missing: reader.strings() };
}

function readAction(action: number, text: string, code: number): CommandAction {
  if (action === ACTIONS.join) return { name: 'join', group: text };
  if (action === ACTIONS.leave) return { name: 'leave', group: text };
  if (action === ACTIONS.disconnect) return { name: 'disconnect', code, reason: text };
  throw new MalformedBytesError('a command has an unknown action');
}
