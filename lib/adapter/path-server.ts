import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket, WebSocketServer } from 'ws';
import { BackplaneConnection } from '../broadcast/backplane-connection.js';
import type { Dispatcher } from '../broadcast/dispatcher.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import { newConnectionId } from '../protocol/connection-id.js';
import { LocalConnection } from '../routing/local-connection.js';
import { ClientSession, toBuffer } from './client-session.js';
import { dispatchMessage } from './message-dispatch.js';
import { SocketSink } from './socket-sink.js';
import type { TurnWriter } from './turn-writer.js';

export type ConnectListener = (client: BackplaneConnection, request: IncomingMessage) => void;

const GOING_AWAY = 1001;
/** A client that does not answer the close frame is cut off after this. */
const CLOSE_TIMEOUT_MS = 2000;

/** What a path's server needs of the app. */
export interface PathServerContext {
  readonly serverId: string;
  readonly dispatcher: Dispatcher;
  readonly protocols: readonly ClientProtocol[];
  readonly writer: TurnWriter;
  readonly sessions: WeakMap<BackplaneConnection, ClientSession>;
}

/** The connections of one path: takes upgrades, makes sessions, ends them. */
export class PathServer {
  private readonly sockets = new Set<WebSocket>();
  private readonly connectListeners: ConnectListener[] = [];
  private closing = false;

  constructor(
    /** The path of the URL, without a port. */
    readonly urlPath: string,
    /** The path as routing names it. */
    readonly key: string,
    private readonly wsServer: WebSocketServer,
    private readonly context: PathServerContext,
  ) {}

  /** One listener per gateway of the path. */
  onConnect(listener: ConnectListener): void {
    this.connectListeners.push(listener);
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.closing) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n');
      return;
    }
    this.wsServer.handleUpgrade(request, socket, head, (webSocket) => void this.accept(webSocket, request));
  }

  /** Says goodbye to all clients; resolves when every one of them is gone and its bookkeeping done. */
  async close(): Promise<void> {
    this.closing = true;
    const gone = [...this.sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of this.sockets) socket.close(GOING_AWAY, 'The server is shutting down');
    const deadline = setTimeout(() => {
      for (const socket of this.sockets) socket.terminate();
    }, CLOSE_TIMEOUT_MS);
    await Promise.all(gone);
    clearTimeout(deadline);
    this.wsServer.close();
  }

  private async accept(socket: WebSocket, request: IncomingMessage): Promise<void> {
    const session = this.open(socket);
    this.sockets.add(socket);
    // Errors of a socket (a reset, a frame that breaks the protocol) are followed by its close.
    socket.on('error', () => undefined);
    socket.on('close', (code) => this.end(session, code));
    // Nothing is read until the gateways have bound their handlers.
    socket.pause();
    await this.context.dispatcher.admit(session.local, session.client);
    if (socket.readyState !== socket.OPEN) return;
    for (const listener of this.connectListeners) listener(session.client, request);
    socket.on('message', (data) => void dispatchMessage(session, toBuffer(data)));
    socket.resume();
  }

  private open(socket: WebSocket): ClientSession {
    const { serverId, dispatcher, protocols, writer, sessions } = this.context;
    const protocol = protocols.find(({ subprotocol }) => subprotocol === (socket.protocol || undefined));
    const local = new LocalConnection(
      newConnectionId(serverId),
      this.key,
      undefined,
      protocol ?? (protocols[0] as ClientProtocol),
      new SocketSink(socket, writer),
    );
    const client = new BackplaneConnection(local, dispatcher, socket, undefined);
    const session = new ClientSession(socket, local, client);
    sessions.set(client, session);
    return session;
  }

  private end(session: ClientSession, code: number): void {
    this.sockets.delete(session.socket);
    this.context.dispatcher.dismiss(session.local);
    session.disconnected(code);
  }
}
