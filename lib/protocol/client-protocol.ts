import type { ClientFrame } from './client-frame.js';
import type { PayloadLimits, PayloadProblem } from './payload-limits.js';

export type ClientProtocolName = 'json' | 'msgpack';

/** How messages look on the socket of a client. One object per protocol, without state. */
export interface ClientProtocol {
  readonly name: ClientProtocolName;
  /** Its number in message records; never changes its meaning. */
  readonly code: number;
  /** The WebSocket subprotocol that asks for it; `undefined` for the protocol of clients that ask for none. */
  readonly subprotocol: string | undefined;
  /** Whether its frames are binary ones. */
  readonly binary: boolean;
  /** @throws when the value has no form in this protocol, such as a circular object */
  encode(message: unknown): ClientFrame;
  /** Whether the bytes may be decoded: without this check, a few bytes can make the decoder allocate hundreds of megabytes. */
  check(bytes: Buffer, limits: PayloadLimits): PayloadProblem | undefined;
  /** @throws when the bytes are none of this protocol's */
  decode(bytes: Buffer): unknown;
}
