import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Logger } from '@nestjs/common';
import type { WebSocket, WebSocketServer } from 'ws';
import { BackplaneConnection } from '../broadcast/backplane-connection.js';
import type { Admission } from '../options/redis-backplane-options.js';
import { newConnectionId } from '../protocol/connection-id.js';
import { jsonProtocol } from '../protocol/json-protocol.js';
import { LocalConnection } from '../routing/local-connection.js';
import type { AdapterContext } from './adapter-context.js';
import { admit } from './admission.js';
import { hooksEnded } from './gateway-hooks.js';
import { ClientSession, toBuffer } from './client-session.js';
import { dispatchMessage } from './message-dispatch.js';
import { SocketSink } from './socket-sink.js';
import type { TurnWriter } from './turn-writer.js';

export type ConnectListener = (client: BackplaneConnection, request: IncomingMessage) => void;

const GOING_AWAY = 1001;
/** A client that does not answer the close frame is cut off after this. */
const CLOSE_TIMEOUT_MS = 2000;

/** What a path's server needs of the app and of the adapter. */
export interface PathServerContext extends AdapterContext {
  readonly writer: TurnWriter;
  readonly sessions: WeakMap<BackplaneConnection, ClientSession>;
}

/** The connections of one path: takes upgrades, makes sessions, ends them. */
export class PathServer {
  private readonly logger = new Logger('RedisBackplaneAdapter');
  private readonly open = new Set<ClientSession>();
  private readonly connectListeners: ConnectListener[] = [];
  private closing = false;

  constructor(
    /** The path of the URL, without a port. */
    readonly urlPath: string,
    /** The path as routing names it. */
    private readonly key: string,
    private readonly wsServer: WebSocketServer,
    private readonly context: PathServerContext,
  ) {}

  /** One listener per gateway of the path. */
  onConnect(listener: ConnectListener): void {
    this.connectListeners.push(listener);
  }

  /** Admission comes first: a client that is refused never has a WebSocket. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // Until `ws` has the socket, a reset would be an error that nobody listens to.
    const ignore = (): void => undefined;
    socket.on('error', ignore);
    const result = this.closing ? undefined : await admit(this.context.authenticate, request, this.key);
    if (socket.destroyed) return;
    if (!result || this.closing) return refuseUpgrade(socket, 503);
    if (!result.admitted) {
      if (result.cause) this.logger.warn(`A client of ${this.key} was refused: ${result.cause.message}`);
      return refuseUpgrade(socket, result.status);
    }
    socket.off('error', ignore);
    this.wsServer.handleUpgrade(request, socket, head, (webSocket) => {
      void this.accept(webSocket, request, result.admission);
    });
  }

  /** Says goodbye to all clients; resolves when every one of them is gone and its bookkeeping done. */
  async close(): Promise<void> {
    this.closing = true;
    const open = [...this.open];
    const gone = open.map(({ socket }) => new Promise((resolve) => socket.once('close', resolve)));
    for (const { local } of open) local.sink.close(GOING_AWAY, 'The server is shutting down');
    const deadline = setTimeout(() => {
      for (const { socket } of open) socket.terminate();
    }, CLOSE_TIMEOUT_MS);
    await Promise.all(gone);
    clearTimeout(deadline);
    await Promise.all(open.map(({ client }) => hooksEnded(client)));
    this.wsServer.close();
  }

  private async accept(socket: WebSocket, request: IncomingMessage, admission: Admission): Promise<void> {
    const session = this.createSession(socket, admission);
    this.open.add(session);
    // Errors of a socket (a reset, a frame that breaks the protocol) are followed by its close.
    socket.on('error', () => undefined);
    socket.on('close', (code) => this.end(session, code));
    // Nothing is read until the gateways have bound their handlers.
    socket.pause();
    await this.context.connections.admit(session.local, session.client);
    if (socket.readyState !== socket.OPEN) return;
    for (const listener of this.connectListeners) listener(session.client, request);
    await hooksEnded(session.client);
    socket.on('message', (data) => void dispatchMessage(session, toBuffer(data)));
    socket.resume();
  }

  private createSession(socket: WebSocket, { userId, data }: Admission): ClientSession {
    const { serverId, dispatcher, protocols, writer, sessions } = this.context;
    const asked = socket.protocol && protocols.find(({ subprotocol }) => subprotocol === socket.protocol);
    const sink = new SocketSink(socket, writer);
    const local = new LocalConnection(
      newConnectionId(serverId),
      this.key,
      userId,
      asked || jsonProtocol,
      sink,
    );
    const client = new BackplaneConnection(local, dispatcher, socket, data);
    const session = new ClientSession(socket, local, client, dispatcher);
    sessions.set(client, session);
    return session;
  }

  private end(session: ClientSession, code: number): void {
    this.open.delete(session);
    this.context.connections.dismiss(session.local);
    session.disconnected(code);
  }
}

/** Answers an upgrade request with an HTTP error and ends the socket. */
export function refuseUpgrade(socket: Duplex, status: number): void {
  // A client that resets meanwhile is an error of a socket that nobody else listens to.
  socket.on('error', () => undefined);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  );
}
