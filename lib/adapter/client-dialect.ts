import type { RawData } from 'ws';
import type { ClientFrame } from '../protocol/client-frame.js';
import type { Dialect } from '../protocol/dialect.js';
import type { SessionSink } from './session-sink.js';

/** Keeps connections alive and detects clients that have vanished. */
export interface KeepAlive<Session> {
  add(session: Session): void;
  remove(session: Session): void;
}

/** How to talk to one kind of client: how to read its messages, keep its connection alive and close it. */
export interface ClientDialect<Session> extends Dialect {
  /** `undefined` if keep-alive is turned off. */
  readonly keepAlive: KeepAlive<Session> | undefined;
  /** Makes the client send something, and shows it that this server is alive. Called by `keepAlive`. */
  ping(session: Session): void;
  /** Handles a WebSocket message from the client. Never throws. */
  receive(session: Session, data: RawData, isBinary: boolean): void;
  /** The message that the client gets before a close frame with this code; `undefined` if there is none. */
  closeMessage(code: number, reason: string): ClientFrame | undefined;
  /** How long a session waits for its client after its socket was lost, in milliseconds; `undefined` if it does not wait. */
  readonly resumeTimeoutMs: number | undefined;
  /** Called when the session begins and each time its client resumes it. Returns the sink for the session to use. */
  opened(session: Session, sink: SessionSink): SessionSink;
  /** Called when the socket was lost and the session waits for its client. */
  lost(): void;
}
