import { ClientFrame } from '../protocol/client-frame.js';
import type { FrameShape } from '../protocol/dialect.js';
import { jsonProtocol } from '../protocol/json-protocol.js';
import type { PayloadLimits } from '../protocol/payload-limits.js';
import { argumentsOf, plainMessage } from './derived-message.js';
import { findSeparated, RECORD_SEPARATOR } from './framing.js';
import { type HubMessage, HubProtocolError, HubType, readHubMessage } from './hub-message.js';
import type { HubProtocol } from './hub-protocol.js';

const SEPARATOR = String.fromCharCode(RECORD_SEPARATOR);
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The bytes of a plain client's event before its name, and between its name and its data. */
const EVENT = Buffer.from('{"event":');
const DATA = Buffer.from(',"data":');
const TARGET = Buffer.from(`{"type":${HubType.Invocation},"target":`);
const ARGUMENT = [Buffer.from(',"arguments":['), Buffer.from(`]}${SEPARATOR}`)] as const;
const ARGUMENTS = [Buffer.from(',"arguments":'), Buffer.from(`}${SEPARATOR}`)] as const;

const PING = encode({ type: HubType.Ping });

export const jsonHubProtocol: HubProtocol = {
  name: 'SignalR JSON',
  hubName: 'json',
  code: 3,
  protocol: jsonProtocol,
  binary: false,
  find: findSeparated,
  decode,
  derive,
  event: (target, args) => encode({ type: HubType.Invocation, target, arguments: args }),
  item: (id, item) => encode({ type: HubType.Item, invocationId: id, item: item ?? null }),
  result: (id, value) => encode({ type: HubType.Completion, invocationId: id, result: value ?? null }),
  end: (id) => encode({ type: HubType.Completion, invocationId: id }),
  error: (id, text) => encode({ type: HubType.Completion, invocationId: id, error: text }),
  ping: () => PING,
  acknowledgment: (number) => encode({ type: HubType.Acknowledgment, sequenceId: number }),
  sequence: (number) => encode({ type: HubType.Sequence, sequenceId: number }),
  close: (error, allowReconnect) =>
    encode({
      type: HubType.Close,
      ...(error !== undefined && { error }),
      ...(allowReconnect && { allowReconnect }),
    }),
};

function encode(message: object): ClientFrame {
  return ClientFrame.text(JSON.stringify(message) + SEPARATOR);
}

function decode(bytes: Buffer, limits: PayloadLimits): HubMessage {
  if (jsonProtocol.check(bytes, limits)) throw new HubProtocolError('A message exceeds the limits.');
  const message = parse(bytes);
  if (typeof message !== 'object' || message === null)
    throw new HubProtocolError('A message must be an object.');
  const {
    type,
    invocationId,
    target,
    arguments: args,
    streamIds,
    item,
    result,
    error,
    sequenceId,
  } = message as Partial<Record<string, unknown>>;
  return readHubMessage({
    type,
    id: invocationId,
    target,
    args,
    streamIds,
    item,
    result: 'result' in message ? { value: result } : undefined,
    error,
    number: sequenceId,
  });
}

function parse(bytes: Buffer): unknown {
  try {
    return jsonProtocol.decode(bytes);
  } catch {
    throw new HubProtocolError('A message must be JSON.');
  }
}

/** Copies the bytes of an event's name and data into an invocation. Only other frames, such as requests, are parsed. */
function derive(frame: ClientFrame, shape: FrameShape): ClientFrame {
  const { payload } = frame;
  return (shape.isRequest ? undefined : splice(payload, shape.hasArguments)) ?? reencode(payload, shape);
}

function splice(payload: Buffer, hasArguments: boolean): ClientFrame | undefined {
  if (!startsWith(payload, EVENT, 0) || payload[EVENT.length] !== QUOTE) return undefined;
  const nameEnd = endOfString(payload, EVENT.length);
  const name = payload.subarray(EVENT.length, nameEnd);
  const [open, close] = hasArguments ? ARGUMENTS : ARGUMENT;
  if (nameEnd === payload.length - 1) return ClientFrame.join([TARGET, name, ...ARGUMENT], false);
  if (!startsWith(payload, DATA, nameEnd)) return undefined;
  const data = payload.subarray(nameEnd + DATA.length, payload.length - 1);
  return ClientFrame.join([TARGET, name, open, data, close], false);
}

function reencode(payload: Buffer, shape: FrameShape): ClientFrame {
  const { event, id, ...message } = plainMessage(jsonProtocol, payload);
  const args = argumentsOf(message, shape);
  return encode({
    type: HubType.Invocation,
    ...(id !== undefined && { invocationId: id }),
    target: event,
    arguments: args,
  });
}

function startsWith(bytes: Buffer, prefix: Buffer, at: number): boolean {
  return bytes.subarray(at, at + prefix.length).equals(prefix);
}

/** The index after the closing quote of the string that begins at `start`. */
function endOfString(bytes: Buffer, start: number): number {
  let index = start + 1;
  while (index < bytes.length && bytes[index] !== QUOTE) index += bytes[index] === BACKSLASH ? 2 : 1;
  return index + 1;
}
