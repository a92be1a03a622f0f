import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import type { BackplaneConnection } from '../broadcast/backplane-connection.js';
import type { Admission } from '../options/authenticate.js';
import { newConnectionId } from '../protocol/connection-id.js';
import type { ClientDialect } from './client-dialect.js';
import type { Deadline } from './deadline.js';
import type { EarlyMessages } from './early-messages.js';
import { hooksEnded } from './gateway-hooks.js';
import { LateHooks } from './late-hooks.js';
import type { PathContext } from './path-context.js';
import { Session, type SessionHost } from './session.js';
import { SocketSink } from './socket-sink.js';
import { onSocketClose, onSocketMessage, onSocketPing, type WatchedSocket } from './watched-socket.js';

/** An admitted client whose dialect is known. */
export interface AdmittedClient {
  readonly admission: Admission;
  readonly dialect: ClientDialect<Session>;
  /** The id that the client already has; `undefined` if it gets a new one. */
  readonly connectionId?: string | undefined;
  /** The messages since its handshake; `undefined` for a dialect without a handshake. */
  readonly early?: EarlyMessages | undefined;
}

export type ConnectListener = (client: BackplaneConnection, request: IncomingMessage) => void;

/** The sessions of one path. Creates them, calls the gateways for their clients, and removes them when they end. */
export class PathSessions implements SessionHost {
  private readonly sessions = new Map<BackplaneConnection, Session>();
  private readonly lateHooks = new LateHooks();
  private readonly connectListeners: ConnectListener[] = [];

  constructor(
    readonly key: string,
    readonly context: PathContext,
    /** False if the gateway sets `autoPong: false`, and so sends its own pongs or none. */
    private readonly answersPings: boolean,
  ) {}

  /** All sessions, in the order in which their clients connected. */
  get all(): Session[] {
    return [...this.sessions.values()];
  }

  /** The session of a client that is connected to this path. */
  of(client: BackplaneConnection): Session | undefined {
    return this.sessions.get(client);
  }

  /** Adds the connect listener of one gateway of the path. */
  onConnect(listener: ConnectListener): void {
    this.connectListeners.push(listener);
  }

  /** Creates the session. Avoids unnecessary awaits, because the promises would take half a kilobyte per client. */
  accept(socket: WatchedSocket, request: IncomingMessage, client: AdmittedClient): void {
    const { early, dialect } = client;
    const session = this.createSession(socket, client);
    const { router, connections, userLimits } = this.context;
    dialect.keepAlive?.add(session);
    connections.add(this.key, session.client);
    const subscribed = router.roster.add(session);
    userLimits?.connected(session);
    if (subscribed) this.pauseUntil(subscribed, socket, () => this.callGateways(session, request, early));
    else this.callGateways(session, request, early);
  }

  /** Moves a session to the socket on which its client resumes it. */
  resume(session: Session, socket: WatchedSocket, { expiresAt }: Admission): void {
    if (!session.open) return socket.terminate();
    this.watch(socket, session);
    session.resume(socket, this.sinkOf(socket, session.dialect));
    // Otherwise the time that the app has set continues to apply.
    if (expiresAt) session.client.renew(expiresAt);
    this.context.userLimits?.resumed(session);
    if (session.isListening) this.read(session);
    else socket.pause();
  }

  /**
   * Resolves when all hooks of disconnected clients have ended, or at the deadline. Never rejects.
   *
   * @param allDisconnected resolves when all clients have disconnected
   */
  hooksEnded(allDisconnected: Promise<unknown>, deadline: Deadline): Promise<void> {
    return this.lateHooks.ended(allDisconnected, deadline, this.context.logger, this.key);
  }

  dismiss(session: Session): void {
    const { router, connections } = this.context;
    session.dialect.keepAlive?.remove(session);
    router.remove(session);
    connections.remove(this.key, session.client);
  }

  ended(session: Session, code: number): void {
    this.sessions.delete(session.client);
    session.disconnected(code);
    this.lateHooks.add(session.client);
  }

  /** Calls the connect listeners, through which Nest runs `handleConnection`, and then starts to read messages. */
  private callGateways(session: Session, request: IncomingMessage, early: EarlyMessages | undefined): void {
    if (!session.isSocketOpen && !session.canResume) return this.listen(session, early);
    for (const listener of this.connectListeners) listener(session.client, request);
    const hooks = hooksEnded(session.client);
    if (hooks) this.pauseUntil(hooks, session.socket, () => this.listen(session, early));
    else this.listen(session, early);
  }

  /** Starts to handle messages. If `handleConnection` has closed the connection, the client's messages are ignored. */
  private listen(session: Session, early: EarlyMessages | undefined): void {
    const { socket, isSocketOpen } = session;
    session.isListening = true;
    // If the client has moved to another socket meanwhile, it repeats there what it had sent here.
    if (!isSocketOpen) socket.resume();
    else if (early?.isOf(socket)) this.read(session, early);
    else this.read(session);
  }

  private read(session: Session, early?: EarlyMessages): void {
    // Resuming takes effect in a later turn, so the first message can still pause the socket again.
    session.startReading();
    if (early) early.handOver(onSocketMessage);
    else session.socket.on('message', onSocketMessage);
  }

  /** Pauses the socket while its user's channel is being subscribed, or while hooks are running. `listen` resumes it. */
  private pauseUntil(resolved: Promise<void>, socket: WebSocket, then: () => void): void {
    socket.pause();
    void resolved.then(then);
  }

  private createSession(
    socket: WatchedSocket,
    { admission, dialect, connectionId }: AdmittedClient,
  ): Session {
    const id = connectionId ?? newConnectionId(this.context.serverId);
    const session = new Session(id, admission, dialect, socket, this.sinkOf(socket, dialect), this);
    session.sink = dialect.opened(session, session.sink);
    this.sessions.set(session.client, session);
    this.watch(socket, session);
    if (admission.expiresAt) session.client.renew(admission.expiresAt);
    return session;
  }

  private sinkOf(socket: WatchedSocket, dialect: ClientDialect<Session>): SocketSink {
    const { writer, edge, counters } = this.context;
    return new SocketSink(socket, writer, dialect, edge.maxBufferedBytes, counters);
  }

  private watch(socket: WatchedSocket, session: Session): void {
    socket.session = session;
    socket.on('close', onSocketClose);
    if (this.answersPings) socket.on('ping', onSocketPing);
  }
}
