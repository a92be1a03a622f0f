import { ClientFrame } from '../protocol/client-frame.js';
import type { FrameShape } from '../protocol/dialect.js';
import { encodeMsgpack, msgpackProtocol } from '../protocol/msgpack-protocol.js';
import type { PayloadLimits } from '../protocol/payload-limits.js';
import { argumentsOf, plainMessage } from './derived-message.js';
import { findLengthPrefixed, lengthPrefix } from './framing.js';
import {
  type HubMessage,
  HubProtocolError,
  HubType,
  type RawHubMessage,
  readHubMessage,
} from './hub-message.js';
import type { HubProtocol } from './hub-protocol.js';

/** The result kinds of a completion. */
const ERROR = 1;
const VOID = 2;
const RESULT = 3;

const NO_HEADERS = {};
/** The maximum depth for plain MessagePack clients, plus the levels that a hub message adds. */
const MAX_DEPTH = 103;

/** The keys of a plain client's event: a map of one or two entries, `event` first. */
const EVENT = Buffer.from([0xa5, ...Buffer.from('event')]);
const DATA = Buffer.from([0xa4, ...Buffer.from('data')]);
const MAP_OF_1 = 0x81;
const MAP_OF_2 = 0x82;
/** The bytes of an invocation before its target: an array of six items, the type, no headers, and nil for the id. */
const INVOCATION = Buffer.from([0x96, HubType.Invocation, 0x80, 0xc0]);
const NO_ARGUMENTS = Buffer.from([0x90]);
const ONE_ARGUMENT = Buffer.from([0x91]);
const NO_STREAMS = Buffer.from([0x90]);

const PING = encode([HubType.Ping]);

export const msgpackHubProtocol: HubProtocol = {
  name: 'SignalR MessagePack',
  hubName: 'messagepack',
  code: 4,
  protocol: msgpackProtocol,
  binary: true,
  find: findLengthPrefixed,
  decode,
  derive,
  event: (target, args) => encode([HubType.Invocation, NO_HEADERS, null, target, args, []]),
  item: (id, item) => encode([HubType.Item, NO_HEADERS, id, item]),
  result: (id, value) => encode([HubType.Completion, NO_HEADERS, id, RESULT, value]),
  end: (id) => encode([HubType.Completion, NO_HEADERS, id, VOID]),
  error: (id, text) => encode([HubType.Completion, NO_HEADERS, id, ERROR, text]),
  ping: () => PING,
  acknowledgment: (number) => encode([HubType.Acknowledgment, number]),
  sequence: (number) => encode([HubType.Sequence, number]),
  close: (error, allowReconnect) => encode([HubType.Close, error ?? null, allowReconnect]),
};

function encode(message: readonly unknown[]): ClientFrame {
  const bytes = encodeMsgpack(message, MAX_DEPTH);
  return ClientFrame.join([lengthPrefix(bytes.length), bytes], true);
}

function decode(bytes: Buffer, limits: PayloadLimits): HubMessage {
  if (msgpackProtocol.check(bytes, limits))
    throw new HubProtocolError('A message exceeds the limits or is malformed.');
  const message = parse(bytes);
  if (!Array.isArray(message)) throw new HubProtocolError('A message must be an array.');
  return readHubMessage(rawOf(message as unknown[]));
}

function parse(bytes: Buffer): unknown {
  try {
    return msgpackProtocol.decode(bytes);
  } catch {
    throw new HubProtocolError('A message must be MessagePack.');
  }
}

function rawOf([type, second, id, ...rest]: readonly unknown[]): RawHubMessage {
  switch (type) {
    case HubType.Acknowledgment:
    case HubType.Sequence:
      return { type, number: second };
    case HubType.Invocation:
    case HubType.StreamInvocation: {
      const [target, args, streamIds] = rest;
      return { type, id, target, args, streamIds: streamIds ?? [] };
    }
    case HubType.Item:
      return { type, id, item: rest[0] };
    case HubType.Completion:
      return completionOf(type, id, rest);
    case HubType.Cancel:
      return { type, id };
    default:
      return { type };
  }
}

function completionOf(type: unknown, id: unknown, [kind, value]: readonly unknown[]): RawHubMessage {
  if (kind === ERROR) return { type, id, error: value };
  if (kind === RESULT) return { type, id, result: { value } };
  if (kind === VOID) return { type, id };
  throw new HubProtocolError('A completion must have a kind.');
}

/** Copies the bytes of an event's name and data into an invocation. Only other frames, such as requests, are parsed. */
function derive(frame: ClientFrame, shape: FrameShape): ClientFrame {
  const { payload } = frame;
  return (shape.isRequest ? undefined : splice(payload, shape.hasArguments)) ?? reencode(payload, shape);
}

function splice(payload: Buffer, hasArguments: boolean): ClientFrame | undefined {
  const [first] = payload;
  if ((first !== MAP_OF_1 && first !== MAP_OF_2) || !startsWith(payload, EVENT, 1)) return undefined;
  const nameStart = 1 + EVENT.length;
  const nameEnd = endOfString(payload, nameStart);
  if (nameEnd === undefined) return undefined;
  const name = payload.subarray(nameStart, nameEnd);
  if (first === MAP_OF_1) return nameEnd === payload.length ? join(name, [NO_ARGUMENTS]) : undefined;
  if (!startsWith(payload, DATA, nameEnd)) return undefined;
  const data = payload.subarray(nameEnd + DATA.length);
  return join(name, hasArguments ? [data] : [ONE_ARGUMENT, data]);
}

function join(name: Buffer, args: readonly Buffer[]): ClientFrame {
  const parts = [INVOCATION, name, ...args, NO_STREAMS];
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  return ClientFrame.join([lengthPrefix(size), ...parts], true);
}

function reencode(payload: Buffer, shape: FrameShape): ClientFrame {
  const { event, id, ...message } = plainMessage(msgpackProtocol, payload);
  return encode([HubType.Invocation, NO_HEADERS, id ?? null, event, argumentsOf(message, shape), []]);
}

function startsWith(bytes: Buffer, prefix: Buffer, at: number): boolean {
  return bytes.subarray(at, at + prefix.length).equals(prefix);
}

/** The index after the string that begins at `start`; `undefined` if no string begins there. */
function endOfString(bytes: Buffer, start: number): number | undefined {
  const format = bytes[start];
  if (format === undefined) return undefined;
  if ((format & 0xe0) === 0xa0) return start + 1 + (format & 0x1f);
  if (format === 0xd9) return start + 2 + bytes.readUInt8(start + 1);
  if (format === 0xda) return start + 3 + bytes.readUInt16BE(start + 1);
  return format === 0xdb ? start + 5 + bytes.readUInt32BE(start + 1) : undefined;
}
