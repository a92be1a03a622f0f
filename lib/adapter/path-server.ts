import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket, WebSocketServer } from 'ws';
import type { BackplaneConnection } from '../broadcast/backplane-connection.js';
import type { Admission, Authenticate } from '../options/authenticate.js';
import { newConnectionId } from '../protocol/connection-id.js';
import { jsonProtocol } from '../protocol/json-protocol.js';
import type { AdapterContext } from './adapter-context.js';
import { type AdmissionResult, admit, type Refusal } from './admission.js';
import type { ConnectionHeartbeat } from './connection-heartbeat.js';
import type { Deadline } from './deadline.js';
import { Farewells } from './farewells.js';
import { hooksEnded } from './gateway-hooks.js';
import { sayGoodbye } from './goodbye.js';
import { receiveMessage } from './message-dispatch.js';
import { Session, type SessionHost } from './session.js';
import { SocketSink } from './socket-sink.js';
import { TimeLimits } from './time-limits.js';
import type { TurnWriter } from './turn-writer.js';
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
/** Of the time for the shutdown, how much clients have to answer the goodbye; the rest is left to what gateways do for those cut off. */
const CLIENTS_SHARE = 0.8;
const NOTHING = Buffer.alloc(0);

/** What a path's server needs of the app and of the adapter. */
export interface PathServerContext extends AdapterContext {
  /** `undefined` where everyone is admitted. */
  readonly authenticate: Authenticate | undefined;
  readonly writer: TurnWriter;
  readonly heartbeat: ConnectionHeartbeat | undefined;
}

/** The connections of one path: takes upgrades, makes sessions, ends them. */
export class PathServer implements SessionHost {
  private readonly waiting = new Set<WaitingSocket>();
  private readonly sessions = new Map<BackplaneConnection, Session>();
  private readonly farewells = new Farewells();
  /** Raw sockets that `ws` has not completed yet, where a `verifyClient` of the gateway's takes its time. */
  private readonly upgrading = new Set<Duplex>();
  /** Sockets that were opened only to tell by a close code that the client is refused. */
  private readonly turnedAway = new Set<WebSocket>();
  private readonly admissionLimits = new TimeLimits();
  private readonly connectListeners: ConnectListener[] = [];
  private draining = false;
  /** One for all sockets, as the other listeners that need to know no session. */
  private readonly onSocketClosed = (): void => {
    this.context.counters.connections--;
  };

  constructor(
    /** The path of the URL, without a port. */
    readonly urlPath: string,
    /** The path as routing names it. */
    readonly key: string,
    private readonly wsServer: WebSocketServer,
    readonly context: PathServerContext,
    /** False where the gateway wants no pongs, or sends its own. */
    private readonly answersPings: boolean,
  ) {
    watchSockets(wsServer);
  }

  /** What belongs to the client, for as long as it is connected to this path. */
  sessionOf(client: BackplaneConnection): Session | undefined {
    return this.sessions.get(client);
  }

  /** One listener per gateway of the path. */
  onConnect(listener: ConnectListener): void {
    this.connectListeners.push(listener);
  }

  /** Admission comes first: a client that is refused never reaches a gateway. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { counters, edge } = this.context;
    if (this.draining || counters.connections >= edge.maxConnections) {
      counters.refused++;
      return refuseUpgrade(socket, UNAVAILABLE);
    }
    counters.connections++;
    // However it ends: vanished while it waited, refused here or by `ws`, or after a whole life.
    socket.on('close', this.onSocketClosed);
    const admission = admit(this.context, request, this.key, this.admissionLimits);
    const { roster } = this.context.router;
    if ('admitted' in admission && (!admission.admitted || roster.hears(this.key))) {
      // Put back, as a WaitingSocket does: a `verifyClient` of the gateway may take its time.
      if (head.length > 0) socket.unshift(head);
      this.decided(request, socket, admission);
    } else void this.undecided(request, socket, new WaitingSocket(socket, head), admission);
  }

  /** Takes no new clients, and refuses those that wait to be admitted. The others are served as before. */
  drain(): void {
    if (this.draining) return;
    this.draining = true;
    this.context.counters.refused += this.waiting.size + this.upgrading.size;
    for (const waiting of this.waiting) waiting.refuse(UNAVAILABLE);
    for (const socket of this.upgrading) refuseUpgrade(socket, UNAVAILABLE);
    this.admissionLimits.giveUp(new Error('the server is shutting down'));
    this.wsServer.close();
  }

  /**
   * Says goodbye to all clients; resolves when every one of them is gone and the gateways' hooks have ended, and at the
   * deadline in any case. Does not throw.
   */
  async close(deadline: Deadline): Promise<void> {
    this.drain();
    const open = [...this.sessions.values()];
    const sockets = [...open.map(({ socket }) => socket), ...this.turnedAway];
    const gone = Promise.all(
      sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))),
    );
    const clientsDeadline = deadline.earlier(CLIENTS_SHARE);
    await sayGoodbye(open, clientsDeadline);
    if (!(await clientsDeadline.meets(gone))) for (const socket of sockets) socket.terminate();
    await this.farewells.ended(gone, deadline, this.context.logger, this.key);
  }

  private async undecided(
    request: IncomingMessage,
    socket: Duplex,
    waiting: WaitingSocket,
    admission: AdmissionResult | Promise<AdmissionResult>,
  ): Promise<void> {
    const { roster } = this.context.router;
    this.waiting.add(waiting);
    const result = await admission;
    // Whose socket is open misses no broadcast: so it opens when they are heard.
    if (result.admitted) await roster.expect(this.key);
    this.waiting.delete(waiting);
    if (!waiting.gone) {
      waiting.release();
      this.decided(request, socket, result);
    }
    if (result.admitted) roster.arrived(this.key);
  }

  /** Completes the upgrade of a client that is admitted, or that learns by a close code why it is not. */
  private decided(request: IncomingMessage, socket: Duplex, result: AdmissionResult): void {
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
      this.wsServer.handleUpgrade(request, socket, NOTHING, (webSocket: WatchedSocket) => {
        upgrading.delete(socket);
        socket.webSocket = webSocket;
        watchTcpEnd(socket);
        this.opened(webSocket, request, result);
      });
      if (upgrading.has(socket)) socket.once('close', () => upgrading.delete(socket));
    } catch (error) {
      // A `verifyClient` of the gateway's own options, say.
      this.context.log.error('upgrade', `The upgrade of a client of ${this.key} failed`, error);
      upgrading.delete(socket);
      refuseUpgrade(socket, INTERNAL_SERVER_ERROR);
    }
  }

  private opened(socket: WatchedSocket, request: IncomingMessage, result: AdmissionResult): void {
    // Errors of a socket (a reset, a frame that breaks the protocol) are followed by its close.
    socket.on('error', onSocketError);
    if (result.admitted) return this.accept(socket, request, result.admission);
    // Its raw socket has been paused since it waited: what the client answers must be read.
    socket.resume();
    this.turnedAway.add(socket);
    socket.once('close', () => this.turnedAway.delete(socket));
    if (result.failure) socket.close(INTERNAL_ERROR, 'Internal error');
    else socket.close(POLICY_VIOLATION, 'Refused');
  }

  /** Nothing is awaited that need not be: promises for each client are half a kilobyte of garbage. */
  private accept(socket: WatchedSocket, request: IncomingMessage, admission: Admission): void {
    const session = this.createSession(socket, admission);
    const { router, connections, heartbeat } = this.context;
    heartbeat?.add(session);
    connections.add(this.key, session.client);
    const reachable = router.roster.add(session);
    if (reachable) this.unread(socket, reachable, () => this.greet(session, request));
    else this.greet(session, request);
  }

  private greet(session: Session, request: IncomingMessage): void {
    if (!session.isSocketOpen) return this.listen(session);
    for (const listener of this.connectListeners) listener(session.client, request);
    const hooks = hooksEnded(session.client);
    if (hooks) this.unread(session.socket, hooks, () => this.listen(session));
    else this.listen(session);
  }

  /** Whom `handleConnection` turned away reaches no handler with what it sent before it knew. */
  private listen(session: Session): void {
    const { socket, isSocketOpen } = session;
    if (isSocketOpen) socket.on('message', onSocketMessage);
    socket.resume();
  }

  /** Nothing is read until the connection can be reached, and until the gateways' hooks have ended. */
  private unread(socket: WebSocket, until: Promise<void>, then: () => void): void {
    socket.pause();
    void until.then(then);
  }

  private createSession(socket: WatchedSocket, admission: Admission): Session {
    const { serverId, protocols, writer, edge, counters } = this.context;
    const asked = socket.protocol && protocols.find(({ subprotocol }) => subprotocol === socket.protocol);
    const sink = new SocketSink(socket, writer, edge.maxBufferedBytes, counters);
    const id = newConnectionId(serverId);
    const session = new Session(id, admission, asked || jsonProtocol, socket, sink, this);
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
    this.farewells.add(session.client);
  }
}

function onSocketMessage(this: WatchedSocket, data: RawData): void {
  const { session } = this;
  if (session?.isHeard) receiveMessage(session, data);
}
