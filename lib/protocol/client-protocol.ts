import type { ClientFrame } from './client-frame.js';
import type { PayloadLimits, PayloadProblem } from './payload-limits.js';

export type ClientProtocolName = 'json' | 'msgpack';

/** The encoding of messages to plain clients and between servers. One stateless object per protocol. */
export interface ClientProtocol {
  readonly name: ClientProtocolName;
  /** The number of the protocol in message records. A number is never reused for another protocol. */
  readonly code: number;
  /** The WebSocket subprotocol that selects it; `undefined` for the protocol of clients that request none. */
  readonly subprotocol: string | undefined;
  /** Whether it uses binary frames. */
  readonly binary: boolean;
  /** @throws if the protocol cannot represent the value, such as a circular object */
  encode(message: unknown): ClientFrame;
  /**
   * Checks the bytes before they are decoded. Without this check, a few bytes could make the decoder allocate hundreds of
   * megabytes.
   *
   * @returns the problem, or `undefined` if the bytes may be decoded
   */
  check(bytes: Buffer, limits: PayloadLimits): PayloadProblem | undefined;
  /** @throws if the bytes are not valid in this protocol */
  decode(bytes: Buffer): unknown;
}
