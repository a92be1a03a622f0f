import type { ClientProtocol } from '../protocol/client-protocol.js';
import { Delivery } from '../routing/delivery.js';

/**
 * Converts a handler's result to a message: the result itself, as in `@nestjs/platform-ws`, or `undefined` if there is
 * nothing to send.
 *
 * @throws TypeError when the protocol cannot carry the result
 */
export function messageOf(result: unknown, protocol: ClientProtocol): unknown {
  if (result instanceof Delivery) return undefined;
  if (!isEvent(result)) return valueIn(protocol, result) ?? undefined;
  const data = valueIn(protocol, result.data);
  return data === result.data ? result : { ...result, data };
}

/**
 * Converts a handler's result to the data of the reply to a frame with an `id`: the data of `{ event, data }`, or the
 * result itself. If there is no data it returns `null`, because with `undefined` the reply would have no `data`.
 *
 * @throws TypeError when the protocol cannot carry the result
 */
export function replyOf(result: unknown, protocol: ClientProtocol): unknown {
  if (result instanceof Delivery) return null;
  return valueIn(protocol, isEvent(result) ? result.data : result) ?? null;
}

function isEvent(result: unknown): result is { readonly event: unknown; readonly data: unknown } {
  return typeof result === 'object' && result !== null && 'event' in result && 'data' in result;
}

/**
 * Converts a value to one that the protocol can encode. Values that JSON omits become `undefined` in every protocol.
 *
 * @throws TypeError when the protocol cannot carry the value
 */
export function valueIn(protocol: ClientProtocol, value: unknown): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  // JSON.stringify would silently convert it to null.
  if (typeof value === 'number' && !Number.isFinite(value) && protocol.name === 'json')
    throw new TypeError(`JSON cannot represent ${value}`);
  return hasToJson(value) ? serialize(protocol, value) : value;
}

interface Serializable {
  toJSON(key: string): unknown;
}

function hasToJson(value: unknown): value is Serializable {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<Serializable>).toJSON === 'function'
  );
}

/** JSON gets the result of `toJSON`, so that it is called once. MessagePack gets the value; it has types for dates and bytes. */
function serialize(protocol: ClientProtocol, value: Serializable): unknown {
  if (protocol.name !== 'json' && (value instanceof Date || ArrayBuffer.isView(value))) return value;
  const json = value.toJSON('data');
  if (json === undefined || typeof json === 'function' || typeof json === 'symbol') return undefined;
  return protocol.name === 'json' ? json : value;
}
