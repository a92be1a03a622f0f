/** A decoded message of a SignalR client. */
export type HubMessage =
  | HubInvocation
  | { readonly kind: 'item'; readonly id: string; readonly item: unknown }
  | {
      readonly kind: 'completion';
      readonly id: string;
      readonly outcome: 'data' | 'error';
      readonly value: unknown;
    }
  | { readonly kind: 'cancel'; readonly id: string }
  | { readonly kind: 'ping' }
  | { readonly kind: 'close' }
  | { readonly kind: 'acknowledgment'; readonly number: number }
  | { readonly kind: 'sequence'; readonly number: number }
  /** A message whose type this release does not know. */
  | { readonly kind: 'unknown' };

/** A client calls a handler. */
export interface HubInvocation {
  readonly kind: 'invocation';
  readonly target: string;
  readonly args: readonly unknown[];
  /** `undefined` if the client expects no reply. */
  readonly id: string | undefined;
  /** The ids of the client's upload streams, in the order of the handler's parameters. */
  readonly streamIds: readonly string[];
  /** Whether the client expects a stream of items. */
  readonly isStream: boolean;
}

/** Limits the size of stream items, because each one repeats the id. Clients use small numbers or GUIDs as ids. */
const MAX_ID_LENGTH = 128;

/** The numbers of the message types on the wire. */
export const HubType = {
  Invocation: 1,
  Item: 2,
  Completion: 3,
  StreamInvocation: 4,
  Cancel: 5,
  Ping: 6,
  Close: 7,
  Acknowledgment: 8,
  Sequence: 9,
} as const;

/** A client violated the protocol. Its connection must be closed. */
export class HubProtocolError extends Error {
  override readonly name = 'HubProtocolError';
}

/** The fields of a message before validation. The JSON and MessagePack decoders fill them in. */
export interface RawHubMessage {
  readonly type: unknown;
  readonly id?: unknown;
  readonly target?: unknown;
  readonly args?: unknown;
  readonly streamIds?: unknown;
  readonly item?: unknown;
  /** Of a completion. */
  readonly result?: { readonly value: unknown } | undefined;
  readonly error?: unknown;
  readonly number?: unknown;
}

/**
 * Validates the fields of a message.
 *
 * @throws HubProtocolError if a field is missing or invalid
 */
export function readHubMessage(raw: RawHubMessage): HubMessage {
  switch (raw.type) {
    case HubType.Invocation:
      return invocationOf(raw, false);
    case HubType.StreamInvocation:
      return invocationOf(raw, true);
    case HubType.Item:
      return { kind: 'item', id: idOf(raw), item: raw.item };
    case HubType.Completion:
      return completionOf(raw);
    case HubType.Cancel:
      return { kind: 'cancel', id: idOf(raw) };
    case HubType.Ping:
      return { kind: 'ping' };
    case HubType.Close:
      return { kind: 'close' };
    case HubType.Acknowledgment:
      return { kind: 'acknowledgment', number: numberOf(raw) };
    case HubType.Sequence:
      return { kind: 'sequence', number: numberOf(raw) };
    default:
      if (typeof raw.type !== 'number') throw new HubProtocolError('A message must have a type.');
      return { kind: 'unknown' };
  }
}

function invocationOf({ id, target, args, streamIds = [] }: RawHubMessage, isStream: boolean): HubInvocation {
  if (typeof target !== 'string' || target === '')
    throw new HubProtocolError('An invocation must have a target.');
  if (!Array.isArray(args)) throw new HubProtocolError('The arguments of an invocation must be an array.');
  if (!isOptionalId(id)) throw new HubProtocolError('An invocation id must be a short string.');
  if (!isIds(streamIds)) throw new HubProtocolError('The stream ids must be short strings.');
  if (isStream && !id) throw new HubProtocolError('A stream invocation must have an invocation id.');
  return { kind: 'invocation', target, args: args as unknown[], id: id || undefined, streamIds, isStream };
}

function completionOf({ id, result, error, ...raw }: RawHubMessage): HubMessage {
  const of = idOf({ ...raw, id });
  if (error === undefined || error === null)
    return { kind: 'completion', id: of, outcome: 'data', value: result?.value ?? null };
  if (result) throw new HubProtocolError('A completion must not have both a result and an error.');
  if (typeof error !== 'string') throw new HubProtocolError('The error of a completion must be a string.');
  return { kind: 'completion', id: of, outcome: 'error', value: error };
}

function idOf({ id }: RawHubMessage): string {
  if (!isId(id) || id === '') throw new HubProtocolError('The message must have an invocation id.');
  return id;
}

function numberOf({ number }: RawHubMessage): number {
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0)
    throw new HubProtocolError('A sequence id must be an integer.');
  return number;
}

function isOptionalId(id: unknown): id is string | null | undefined {
  return id === undefined || id === null || isId(id);
}

function isIds(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isId);
}

function isId(id: unknown): id is string {
  return typeof id === 'string' && id.length <= MAX_ID_LENGTH;
}
