import type { ClientProtocol } from '../protocol/client-protocol.js';
import { Delivery } from '../routing/delivery.js';

/**
 * What a handler's result is as a message: the result itself, as in `@nestjs/platform-ws`; `undefined` where there is
 * nothing to send.
 *
 * @throws TypeError when the result has no form in the protocol
 */
export function messageOf(result: unknown, protocol: ClientProtocol): unknown {
  if (result instanceof Delivery) return undefined;
  if (!isEvent(result)) return valueIn(protocol, result) ?? undefined;
  const data = valueIn(protocol, result.data);
  return data === result.data ? result : { ...result, data };
}

/**
 * What a handler's result is as the answer to a frame with an `id`: the data of `{ event, data }`, or the result itself.
 * `null` where there is none, because `undefined` would leave the answer without `data`.
 *
 * @throws TypeError when the result has no form in the protocol
 */
export function answerOf(result: unknown, protocol: ClientProtocol): unknown {
  if (result instanceof Delivery) return null;
  return valueIn(protocol, isEvent(result) ? result.data : result) ?? null;
}

function isEvent(result: unknown): result is { readonly event: unknown; readonly data: unknown } {
  return typeof result === 'object' && result !== null && 'event' in result && 'data' in result;
}

/**
 * The value as the protocol takes it; `undefined` for what JSON leaves out, in every protocol.
 *
 * @throws TypeError when the value has no form in the protocol
 */
export function valueIn(protocol: ClientProtocol, value: unknown): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  // JSON would silently make it null.
  if (typeof value === 'number' && !Number.isFinite(value) && protocol.name === 'json')
    throw new TypeError(`${value} has no form in JSON`);
  return hasToJson(value) ? serialised(protocol, value) : value;
}

interface Serialisable {
  toJSON(key: string): unknown;
}

function hasToJson(value: unknown): value is Serialisable {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<Serialisable>).toJSON === 'function'
  );
}

/** JSON sends what `toJSON` gives. MessagePack sends the value, which dates and bytes have a form of their own for. */
function serialised(protocol: ClientProtocol, value: Serialisable): unknown {
  if (protocol.name !== 'json' && (value instanceof Date || ArrayBuffer.isView(value))) return value;
  const json = value.toJSON('data');
  if (json === undefined || typeof json === 'function' || typeof json === 'symbol') return undefined;
  return protocol.name === 'json' ? json : value;
}
