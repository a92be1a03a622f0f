import type { ConnectionSink } from '../routing/local-connection.js';

/** Writes to a session's client, whatever lies between the session and the socket. */
export interface SessionSink extends ConnectionSink {
  /** Whether so many bytes are waiting that a source which can pause should. */
  readonly isBehind: boolean;
  /** Writes what is waiting. Resolves when the client has read most of it, or never will, but not in this turn. */
  drained(): Promise<void>;
  /** Answers a ping of the client. */
  pong(payload: Buffer): void;
}
