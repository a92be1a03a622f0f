import type { ConnectionSink } from '../routing/local-connection.js';

/** Writes to a session's client, directly to the socket or through a buffer such as that of stateful reconnect. */
export interface SessionSink extends ConnectionSink {
  /** Whether so many bytes are waiting that a source should pause if it can. */
  readonly isBehind: boolean;
  /** Whether volatile messages are dropped, because too many bytes are waiting for the socket. */
  readonly isSlow: boolean;
  /** Flushes. Resolves when the client has read most of the waiting bytes or never will, but not before the next turn. */
  drained(): Promise<void>;
  /** Answers a ping of the client. */
  pong(payload: Buffer): void;
}
