import type { RawData } from 'ws';
import type { ClientFrame } from '../protocol/client-frame.js';
import type { Dialect } from '../protocol/dialect.js';
import type { SessionSink } from './session-sink.js';

/** Keeps connections alive and detects clients that have vanished. */
export interface KeepAlive<Session> {
  add(session: Session): void;
  remove(session: Session): void;
}

/** How one kind of client speaks, as the edge needs it: what its messages mean, its keep-alive and its close sequence. */
export interface ClientDialect<Session> extends Dialect {
  /** `undefined` if it is turned off. */
  readonly keepAlive: KeepAlive<Session> | undefined;
  /** Handles a WebSocket message of the client. Never throws. */
  receive(session: Session, data: RawData, isBinary: boolean): void;
  /** The message that the client gets before a close frame with this code; `undefined` if there is none. */
  closeMessage(code: number, reason: string): ClientFrame | undefined;
  /** How long a session waits for its client after the socket is lost, in milliseconds; `undefined` if it ends with the socket. */
  readonly resumeTimeoutMs: number | undefined;
  /** Called when the session begins, and when its client resumes it on another socket. Returns the sink that the session uses. */
  opened(session: Session, sink: SessionSink): SessionSink;
  /** The socket was lost, and the session waits for its client. */
  lost(): void;
}
