import type { ClientProtocol } from '../protocol/client-protocol.js';
import { protocolOfCode } from '../protocol/client-protocols.js';
import type { ResponseOutcome } from '../protocol/invocation-record.js';
import type { Payload } from '../protocol/message-record.js';
import { NO_PAYLOAD_LIMITS } from '../protocol/payload-limits.js';
import type { ClientResponse } from './held-invocations.js';

/** A client's response, encoded for the server that sent the invocation. */
export interface EncodedResponse {
  readonly outcome: ResponseOutcome;
  readonly payload: Payload;
}

/** Never throws. A value that cannot be encoded is sent as an error, because the other server is waiting for a response. */
export function encodeResponsePayload(
  protocol: ClientProtocol,
  { outcome, value }: ClientResponse,
): EncodedResponse {
  const encoded = (data: unknown): Payload => ({
    protocol: protocol.code,
    bytes: protocol.encode(data).payload,
  });
  try {
    return { outcome: outcome === 'unreadable' ? 'error' : outcome, payload: encoded(value) };
  } catch {
    return { outcome: 'error', payload: encoded(NOT_ENCODABLE) };
  }
}

/** Never throws. A payload that cannot be decoded becomes an `unreadable` response, so the caller fails fast. */
export function decodeResponsePayload({ outcome, payload }: EncodedResponse): ClientResponse {
  const protocol = protocolOfCode(payload.protocol);
  if (!protocol) return unreadable(`this server does not know the client protocol ${payload.protocol}`);
  if (protocol.check(payload.bytes, NO_PAYLOAD_LIMITS))
    return unreadable(`the bytes are not valid ${protocol.name}`);
  try {
    return { outcome, value: protocol.decode(payload.bytes) };
  } catch (cause) {
    return { outcome: 'unreadable', value: cause };
  }
}

const NOT_ENCODABLE = 'The response cannot be encoded for the server that called invoke.';

function unreadable(why: string): ClientResponse {
  return { outcome: 'unreadable', value: new TypeError(`The response cannot be decoded: ${why}.`) };
}
