import type { AnswerOutcome } from '../protocol/ask-record.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import { protocolOfCode } from '../protocol/client-protocols.js';
import type { Payload } from '../protocol/message-record.js';
import { NO_PAYLOAD_LIMITS } from '../protocol/payload-limits.js';
import type { Answer } from './held-asks.js';

/** A client's answer on its way to the server that asked. */
export interface EncodedAnswer {
  readonly outcome: AnswerOutcome;
  readonly payload: Payload;
}

/** Never throws: what cannot be encoded goes as an error, because the server that asked waits for something. */
export function encodeAnswerPayload(protocol: ClientProtocol, { outcome, value }: Answer): EncodedAnswer {
  const encoded = (data: unknown): Payload => ({
    protocol: protocol.code,
    bytes: protocol.encode(data).payload,
  });
  try {
    return { outcome: outcome === 'unreadable' ? 'error' : outcome, payload: encoded(value) };
  } catch {
    return { outcome: 'error', payload: encoded('The answer cannot be passed on.') };
  }
}

/** Never throws: what cannot be decoded is an answer too, and the caller learns it at once. */
export function decodeAnswerPayload({ outcome, payload }: EncodedAnswer): Answer {
  const protocol = protocolOfCode(payload.protocol);
  if (!protocol) return unreadable(`the client protocol ${payload.protocol} is not known here`);
  if (protocol.check(payload.bytes, NO_PAYLOAD_LIMITS))
    return unreadable(`the bytes are no ${protocol.name}`);
  try {
    return { outcome, value: protocol.decode(payload.bytes) };
  } catch (cause) {
    return { outcome: 'unreadable', value: cause };
  }
}

function unreadable(why: string): Answer {
  return { outcome: 'unreadable', value: new TypeError(`The answer cannot be read: ${why}.`) };
}
