import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket, WebSocketServer } from 'ws';
import type { BackplaneConnection } from '../broadcast/backplane-connection.js';
import type { Admission, Authenticate } from '../options/authenticate.js';
import { newConnectionId } from '../protocol/connection-id.js';
import { jsonProtocol } from '../protocol/json-protocol.js';
import type { AdapterContext } from './adapter-context.js';
import { admit } from './admission.js';
import type { AdmissionResult, Refusal } from './admission-result.js';
import type { ConnectionHeartbeat } from './connection-heartbeat.js';
import type { Deadline } from './deadline.js';
import { hooksEnded } from './gateway-hooks.js';
import { closeSessions } from './close-sessions.js';
import { LateHooks } from './late-hooks.js';
import { receiveMessage } from './message-dispatch.js';
import { Session, type SessionHost } from './session.js';
import { SocketSink } from './socket-sink.js';
import { TimeLimits } from './time-limits.js';
import type { TurnWriter } from './turn-writer.js';
import type { UserLimits } from './user-limits.js';
import { refuseUpgrade, WaitingSocket } from './waiting-socket.js';
import {
  onSocketClose,
  onSocketError,
  onSocketPing,
  type UpgradedSocket,
  type WatchedSocket,
  watchSockets,
  watchTcpEnd,
} from './watched-socket.js';

export type ConnectListener = (client: BackplaneConnection, request: IncomingMessage) => void;

const POLICY_VIOLATION = 1008;
const INTERNAL_ERROR = 1011;
const INTERNAL_SERVER_ERROR = 500;
const UNAVAILABLE = 503;
/** The share of `shutdownTimeout` that clients have to complete the close handshake. The rest is for the gateways' hooks. */
const CLIENTS_SHARE = 0.8;
const NO_BYTES = Buffer.alloc(0);

/** What a path's server needs from the app and the adapter. */
export interface PathServerContext extends AdapterContext {
  /** `undefined` if every client is admitted. */
  readonly authenticate: Authenticate | undefined;
  readonly userLimits: UserLimits | undefined;
  readonly writer: TurnWriter;
  readonly heartbeat: ConnectionHeartbeat | undefined;
}

/** Handles the connections of one path: accepts upgrades, creates sessions and closes them. */
export class PathServer implements SessionHost {
  private readonly waiting = new Set<WaitingSocket>();
  private readonly sessions = new Map<BackplaneConnection, Session>();
  private readonly lateHooks = new LateHooks();
  /** Raw sockets whose upgrade `ws` has not completed, because an asynchronous `verifyClient` of the gateway is running. */
  private readonly upgrading = new Set<Duplex>();
  /** Sockets of refused clients that were opened only to send a close code. */
  private readonly refusedSockets = new Set<WebSocket>();
  private readonly admissionLimits = new TimeLimits();
  private readonly connectListeners: ConnectListener[] = [];
  private isDraining = false;
  /** One function for all sockets, to save memory. */
  private readonly onSocketClosed = (): void => {
    this.context.counters.connections--;
  };

  constructor(
    /** The path of the URL, without a port. */
    readonly urlPath: string,
    /** The path, plus its port if it has its own, as routing uses it. */
    readonly key: string,
    private readonly wsServer: WebSocketServer,
    readonly context: PathServerContext,
    /** False if the gateway sets `autoPong: false`, because it wants no pongs or sends its own. */
    private readonly answersPings: boolean,
  ) {
    watchSockets(wsServer);
  }

  /** The session of a client that is connected to this path. */
  sessionOf(client: BackplaneConnection): Session | undefined {
    return this.sessions.get(client);
  }

  /** Adds the connect listener of one gateway of the path. */
  onConnect(listener: ConnectListener): void {
    this.connectListeners.push(listener);
  }

  /** Handles an upgrade request. Admission comes first, so a refused client never reaches a gateway. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { counters, edge } = this.context;
    if (this.isDraining || counters.connections >= edge.maxConnections) {
      counters.refused++;
      return refuseUpgrade(socket, UNAVAILABLE);
    }
    counters.connections++;
    // Fires in every case: the client disconnects while it waits, this server or `ws` refuses it, or the connection closes later.
    socket.on('close', this.onSocketClosed);
    const admission = admit(this.context, request, this.key, this.admissionLimits);
    const { roster } = this.context.router;
    if ('admitted' in admission && (!admission.admitted || roster.hears(this.key))) {
      // Puts the early bytes back, as a WaitingSocket does, because `verifyClient` of the gateway may be asynchronous.
      if (head.length > 0) socket.unshift(head);
      this.finish(request, socket, admission);
    } else void this.finishLater(request, socket, new WaitingSocket(socket, head), admission);
  }

  /** Stops accepting clients, and refuses those that are waiting for admission. Connected clients are still served. */
  drain(): void {
    if (this.isDraining) return;
    this.isDraining = true;
    this.context.counters.refused += this.waiting.size + this.upgrading.size;
    for (const waiting of this.waiting) waiting.refuse(UNAVAILABLE);
    for (const socket of this.upgrading) refuseUpgrade(socket, UNAVAILABLE);
    this.admissionLimits.giveUp(new Error('the server is shutting down'));
    this.wsServer.close();
  }

  /**
   * Closes all connections. Resolves when all clients have disconnected and the gateways' hooks have ended, or at the
   * deadline. Never rejects.
   */
  async close(deadline: Deadline): Promise<void> {
    this.drain();
    const open = [...this.sessions.values()];
    const sockets = [...open.map(({ socket }) => socket), ...this.refusedSockets];
    const allDisconnected = Promise.all(
      sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))),
    );
    const clientsDeadline = deadline.earlier(CLIENTS_SHARE);
    await closeSessions(open, clientsDeadline);
    if (!(await clientsDeadline.meets(allDisconnected))) for (const socket of sockets) socket.terminate();
    await this.lateHooks.ended(allDisconnected, deadline, this.context.logger, this.key);
  }

  /** Finishes an upgrade once the client is admitted or refused, and the path's broadcasts can be received. */
  private async finishLater(
    request: IncomingMessage,
    socket: Duplex,
    waiting: WaitingSocket,
    admission: AdmissionResult | Promise<AdmissionResult>,
  ): Promise<void> {
    const { roster } = this.context.router;
    this.waiting.add(waiting);
    const result = await admission;
    // Waits for the subscription, so that the client misses no broadcast. If Redis is down, it is admitted anyway.
    if (result.admitted) await roster.expect(this.key);
    this.waiting.delete(waiting);
    if (!waiting.isGone) {
      waiting.release();
      this.finish(request, socket, result);
    }
    if (result.admitted) roster.arrived(this.key);
  }

  /** Completes the upgrade if the client is admitted, or if a refused client gets a close code. Otherwise sends a status. */
  private finish(request: IncomingMessage, socket: Duplex, result: AdmissionResult): void {
    const { counters, edge } = this.context;
    if (!result.admitted) {
      counters.refused++;
      this.logRefusal(result);
      if (edge.refusal === 'status') return refuseUpgrade(socket, result.status);
    }
    this.complete(request, socket, result);
  }

  private logRefusal({ status, reason, failure }: Refusal): void {
    const { log } = this.context;
    if (failure) log.error('failed', `authenticate failed for a client of ${this.key}`, failure.cause);
    else if (reason !== undefined)
      log.warn(`refused ${status}`, `A client of ${this.key} was refused: ${reason}`);
  }

  private complete(request: IncomingMessage, socket: UpgradedSocket, result: AdmissionResult): void {
    const { upgrading } = this;
    upgrading.add(socket);
    try {
      this.wsServer.handleUpgrade(request, socket, NO_BYTES, (webSocket: WatchedSocket) => {
        upgrading.delete(socket);
        socket.webSocket = webSocket;
        watchTcpEnd(socket);
        this.opened(webSocket, request, result);
      });
      if (upgrading.has(socket)) socket.once('close', () => upgrading.delete(socket));
    } catch (error) {
      // For example, `verifyClient` in the gateway's options has thrown.
      this.context.log.error('upgrade', `The upgrade of a client of ${this.key} failed`, error);
      upgrading.delete(socket);
      refuseUpgrade(socket, INTERNAL_SERVER_ERROR);
    }
  }

  private opened(socket: WatchedSocket, request: IncomingMessage, result: AdmissionResult): void {
    // The socket closes after every error, such as a reset or a frame that violates the protocol.
    socket.on('error', onSocketError);
    if (result.admitted) return this.accept(socket, request, result.admission);
    // The raw socket has been paused since it waited, and the client's close frame must be read.
    socket.resume();
    this.refusedSockets.add(socket);
    socket.once('close', () => this.refusedSockets.delete(socket));
    if (result.failure) socket.close(INTERNAL_ERROR, 'Internal error');
    else socket.close(POLICY_VIOLATION, 'Refused');
  }

  /** Creates the session. Avoids unnecessary awaits, because the promises would take half a kilobyte per client. */
  private accept(socket: WatchedSocket, request: IncomingMessage, admission: Admission): void {
    const session = this.createSession(socket, admission);
    const { router, connections, heartbeat, userLimits } = this.context;
    heartbeat?.add(session);
    connections.add(this.key, session.client);
    const subscribed = router.roster.add(session);
    userLimits?.connected(session);
    if (subscribed) this.pauseUntil(subscribed, socket, () => this.callGateways(session, request));
    else this.callGateways(session, request);
  }

  /** Calls the connect listeners, through which Nest runs `handleConnection`, and then starts to read messages. */
  private callGateways(session: Session, request: IncomingMessage): void {
    if (!session.isSocketOpen) return this.listen(session);
    for (const listener of this.connectListeners) listener(session.client, request);
    const hooks = hooksEnded(session.client);
    if (hooks) this.pauseUntil(hooks, session.socket, () => this.listen(session));
    else this.listen(session);
  }

  /** Starts to handle messages, unless `handleConnection` has closed the connection: then what the client sent is ignored. */
  private listen(session: Session): void {
    const { socket, isSocketOpen } = session;
    if (isSocketOpen) socket.on('message', onSocketMessage);
    socket.resume();
  }

  /** Pauses the socket while its user's channel is being subscribed, or while hooks are running. `listen` resumes it. */
  private pauseUntil(resolved: Promise<void>, socket: WebSocket, then: () => void): void {
    socket.pause();
    void resolved.then(then);
  }

  private createSession(socket: WatchedSocket, admission: Admission): Session {
    const { serverId, protocols, writer, edge, counters } = this.context;
    const requested = socket.protocol && protocols.find(({ subprotocol }) => subprotocol === socket.protocol);
    const sink = new SocketSink(socket, writer, edge.maxBufferedBytes, counters);
    const id = newConnectionId(serverId);
    const session = new Session(id, admission, requested || jsonProtocol, socket, sink, this);
    this.sessions.set(session.client, session);
    socket.session = session;
    socket.on('close', onSocketClose);
    if (this.answersPings) socket.on('ping', onSocketPing);
    if (admission.expiresAt) session.client.renew(admission.expiresAt);
    return session;
  }

  dismiss(session: Session): void {
    const { router, connections, heartbeat } = this.context;
    heartbeat?.remove(session);
    router.remove(session);
    connections.remove(this.key, session.client);
  }

  ended(session: Session, code: number): void {
    this.sessions.delete(session.client);
    session.disconnected(code);
    this.lateHooks.add(session.client);
  }
}

function onSocketMessage(this: WatchedSocket, data: RawData): void {
  const { session } = this;
  if (session?.acceptsMessages) receiveMessage(session, data);
}
