import type { ClientFrame } from '../protocol/client-frame.js';
import type { Dialect } from '../protocol/dialect.js';
import type { PayloadLimits } from '../protocol/payload-limits.js';
import type { HubMessage } from './hub-message.js';
import type { FindMessage } from './message-splitter.js';

/** One of SignalR's encodings. Stateless. The methods that encode throw if the encoding cannot represent the value. */
export interface HubProtocol extends Dialect {
  /** Its name in the handshake. */
  readonly hubName: 'json' | 'messagepack';
  readonly binary: boolean;
  readonly find: FindMessage;
  /** @throws HubProtocolError if the bytes are not a message, or exceed the limits */
  decode(bytes: Buffer, limits: PayloadLimits): HubMessage;
  event(target: string, args: readonly unknown[]): ClientFrame;
  item(id: string, item: unknown): ClientFrame;
  result(id: string, value: unknown): ClientFrame;
  /** Ends a stream. */
  end(id: string): ClientFrame;
  error(id: string, text: string): ClientFrame;
  ping(): ClientFrame;
  acknowledgment(number: number): ClientFrame;
  sequence(number: number): ClientFrame;
  close(error: string | undefined, allowReconnect: boolean): ClientFrame;
}
