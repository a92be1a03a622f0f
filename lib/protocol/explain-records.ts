import { ByteReader, MalformedBytesError } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { readAddress, writeAddress } from './message-record.js';
import type { Address } from './target.js';

/*
 * The bodies of queries that explain an emit, and their answers: see query-record.ts.
 *
 * Explain:            address, as in message-record.ts
 *                     count    channels of the emit, each: string
 *                     varint   how many ids the answer may list
 * the answer:         varint   connections that would receive it
 *                     hearing
 *                     count    ids of some of them, each: string
 *
 * ExplainConnection:  string   path of the connection
 *                     string   id of the connection
 *                     address  of the emit
 *                     count    channels of the emit, each: string
 * the answer:         u8       state: 0 = would receive it, or why not, as in STATES
 *                     u8       1 = too many bytes are waiting for it
 *                     hearing
 *
 * hearing:            u8       0 = hears a channel, 1 = hears none, 2 = Redis refuses them
 *                     varint   for how long it has not heard them, in milliseconds; 0 if unknown
 */
const STATES = ['addressed', 'notConnected', 'otherPath', 'notMember', 'excluded'] as const;
const HEARING = ['heard', 'unheard', 'refused'] as const;

/** How an address concerns a connection. */
export type ConnectionState = (typeof STATES)[number];

/** Whether a server hears at least one of the channels of an emit. */
export interface ChannelHearing {
  readonly state: (typeof HEARING)[number];
  /** For how long it has heard none, in milliseconds; 0 if that is unknown. */
  readonly deafMs: number;
}

export interface ExplainQuery {
  readonly address: Address;
  readonly channels: readonly string[];
  readonly sample: number;
}

export interface ExplainPart {
  readonly connections: number;
  readonly hearing: ChannelHearing;
  readonly sample: readonly string[];
}

export interface ExplainConnectionQuery {
  readonly path: string;
  readonly id: string;
  readonly address: Address;
  readonly channels: readonly string[];
}

export interface ExplainConnectionPart {
  readonly state: ConnectionState;
  readonly isFull: boolean;
  readonly hearing: ChannelHearing;
}

export function encodeExplain({ address, channels, sample }: ExplainQuery): Buffer {
  const writer = new ByteWriter();
  writeAddress(writer, address);
  return writer.strings(channels).varint(sample).finish();
}

/** @throws MalformedBytesError */
export function decodeExplain(body: Buffer): ExplainQuery {
  const reader = new ByteReader(body);
  return { address: readAddress(reader), channels: reader.strings(), sample: reader.varint() };
}

export function encodeExplainPart({ connections, hearing, sample }: ExplainPart): Buffer {
  const writer = new ByteWriter().varint(connections);
  writeHearing(writer, hearing);
  return writer.strings(sample).finish();
}

/** @throws MalformedBytesError */
export function decodeExplainPart(part: Buffer): ExplainPart {
  const reader = new ByteReader(part);
  return { connections: reader.varint(), hearing: readHearing(reader), sample: reader.strings() };
}

export function encodeExplainConnection({ path, id, address, channels }: ExplainConnectionQuery): Buffer {
  const writer = new ByteWriter().string(path).string(id);
  writeAddress(writer, address);
  return writer.strings(channels).finish();
}

/** @throws MalformedBytesError */
export function decodeExplainConnection(body: Buffer): ExplainConnectionQuery {
  const reader = new ByteReader(body);
  return {
    path: reader.string(),
    id: reader.string(),
    address: readAddress(reader),
    channels: reader.strings(),
  };
}

export function encodeExplainConnectionPart({ state, isFull, hearing }: ExplainConnectionPart): Buffer {
  const writer = new ByteWriter().u8(STATES.indexOf(state)).u8(isFull ? 1 : 0);
  writeHearing(writer, hearing);
  return writer.finish();
}

/** @throws MalformedBytesError */
export function decodeExplainConnectionPart(part: Buffer): ExplainConnectionPart {
  const reader = new ByteReader(part);
  const state = STATES[reader.u8()];
  if (state === undefined) throw new MalformedBytesError('a connection has an unknown state');
  return { state, isFull: reader.u8() === 1, hearing: readHearing(reader) };
}

function writeHearing(writer: ByteWriter, { state, deafMs }: ChannelHearing): void {
  writer.u8(HEARING.indexOf(state)).varint(Math.ceil(deafMs));
}

function readHearing(reader: ByteReader): ChannelHearing {
  const state = HEARING[reader.u8()];
  if (state === undefined) throw new MalformedBytesError('channels are heard in an unknown way');
  return { state, deafMs: reader.varint() };
}
