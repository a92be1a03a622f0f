import type { RawData } from 'ws';
import type { ClientFrame } from '../protocol/client-frame.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import type { ClientDialect } from './client-dialect.js';
import type { ConnectionHeartbeat } from './connection-heartbeat.js';
import { receiveMessage } from './plain-dispatch.js';
import type { Session } from './session.js';
import type { SessionSink } from './session-sink.js';

/** The dialect of clients that send and receive `{ event, data }`, one per WebSocket message, and need no client library. */
export class PlainClients implements ClientDialect<Session> {
  readonly name: string;
  readonly code: number;

  constructor(
    readonly protocol: ClientProtocol,
    readonly keepAlive: ConnectionHeartbeat | undefined,
  ) {
    this.name = protocol.name;
    this.code = protocol.code;
  }

  derive(frame: ClientFrame): ClientFrame {
    return frame;
  }

  receive(session: Session, data: RawData): void {
    receiveMessage(session, data);
  }

  /** A plain client's session ends with its socket. */
  readonly resumeTimeoutMs = undefined;

  opened(_session: Session, sink: SessionSink): SessionSink {
    return sink;
  }

  lost(): void {}

  ping({ socket }: Session): void {
    socket.ping();
  }

  /** Plain clients need none, because the close frame has the code and the reason. */
  closeMessage(): undefined {
    return undefined;
  }
}
