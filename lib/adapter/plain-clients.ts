import type { RawData } from 'ws';
import type { ClientFrame } from '../protocol/client-frame.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import type { ClientDialect } from './client-dialect.js';
import type { ConnectionHeartbeat } from './connection-heartbeat.js';
import { receiveMessage } from './plain-dispatch.js';
import type { Session } from './session.js';

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

  /** The close frame says everything. */
  closeMessage(): undefined {
    return undefined;
  }
}
