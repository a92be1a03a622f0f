import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket, WebSocketServer } from 'ws';
import { admit } from './admission.js';
import { type Admitted, type AdmissionResult, logRefusal, type Refusal } from './admission-result.js';
import type { Claim } from './dialect-provider.js';
import type { PathContext } from './path-context.js';
import type { Session } from './session.js';
import type { AdmittedClient, PathSessions } from './path-sessions.js';
import { TimeLimits } from './time-limits.js';
import { refuseUpgrade, WaitingSocket } from './waiting-socket.js';
import {
  onSocketError,
  type UpgradedSocket,
  type WatchedSocket,
  watchSockets,
  watchTcpEnd,
} from './watched-socket.js';

const POLICY_VIOLATION = 1008;
const INTERNAL_ERROR = 1011;
const NOT_FOUND = 404;
const INTERNAL_SERVER_ERROR = 500;
const UNAVAILABLE = 503;
const NO_BYTES = Buffer.alloc(0);

/** Handles the upgrade requests of one path. Refuses clients, or admits them and passes their sockets to `PathSessions`. */
export class PathUpgrades {
  private readonly waiting = new Set<WaitingSocket>();
  /** Raw sockets whose upgrade `ws` has not completed, because the gateway's `verifyClient` is still running. */
  private readonly upgrading = new Set<Duplex>();
  /** Open sockets without a session: of refused clients that get a close code, and of clients in their handshake. */
  readonly withoutSession = new Set<WebSocket>();
  /** The upgrades that are about to resume a session. */
  private readonly resuming = new Map<Session, Duplex>();
  private readonly admissionLimits = new TimeLimits();
  private isDraining = false;
  /** One function for all sockets, to save memory. */
  private readonly onSocketClosed = (): void => {
    this.context.counters.connections--;
  };

  constructor(
    private readonly key: string,
    private readonly wsServer: WebSocketServer,
    private readonly context: PathContext,
    private readonly sessions: PathSessions,
  ) {
    watchSockets(wsServer);
  }

  /** Handles an upgrade request. Admission comes first, so a refused client never reaches a gateway. */
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { counters, edge } = this.context;
    const claim = this.context.provider?.claim(this.key, request);
    // A session that is resumed already counts as a connection.
    const isResumption = this.beginResumption(claim?.sessionToResume(), socket);
    const isFull = counters.connections >= edge.maxConnections && !isResumption;
    if (this.isDraining || isFull) {
      counters.refused++;
      return refuseUpgrade(socket, UNAVAILABLE);
    }
    counters.connections++;
    // Always fires: if a waiting client disconnects, if this server or `ws` refuses it, or when the connection closes later.
    socket.on('close', this.onSocketClosed);
    const gatekeeper = isResumption ? { ...this.context, userLimits: undefined } : this.context;
    const admission = admit(gatekeeper, request, this.key, this.admissionLimits);
    const { roster } = this.context.router;
    if ('admitted' in admission && (!admission.admitted || roster.hears(this.key))) {
      // Puts the early bytes back, as a WaitingSocket does, because the gateway's `verifyClient` may be asynchronous.
      if (head.length > 0) socket.unshift(head);
      this.finish(request, socket, admission, claim);
    } else void this.finishLater(request, socket, new WaitingSocket(socket, head), admission, claim);
  }

  /**
   * Whether the upgrade may resume the session without counting against the limits. Only one upgrade at a time may: the
   * session's client could otherwise open any number of them.
   */
  private beginResumption(session: Session | undefined, socket: Duplex): boolean {
    if (!session || this.resuming.has(session)) return false;
    this.resuming.set(session, socket);
    socket.once('close', () => this.endResumption(session, socket));
    return true;
  }

  private endResumption(session: Session, socket: Duplex): void {
    if (this.resuming.get(session) === socket) this.resuming.delete(session);
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

  /** Finishes an upgrade once the client is admitted or refused, and the path's broadcasts can be received. */
  private async finishLater(
    request: IncomingMessage,
    socket: Duplex,
    waiting: WaitingSocket,
    admission: AdmissionResult | Promise<AdmissionResult>,
    claim: Claim | undefined,
  ): Promise<void> {
    const { roster } = this.context.router;
    this.waiting.add(waiting);
    const result = await admission;
    // Waits for the subscription, so that the client misses no broadcast. If Redis is down, it is admitted anyway.
    if (result.admitted) await roster.expect(this.key);
    this.waiting.delete(waiting);
    if (!waiting.isGone) {
      waiting.release();
      this.finish(request, socket, result, claim);
    }
    if (result.admitted) roster.arrived(this.key);
  }

  /** Completes the upgrade if the client is admitted, or if a refused client gets a close code. Otherwise sends a status. */
  private finish(
    request: IncomingMessage,
    socket: Duplex,
    result: AdmissionResult,
    claim: Claim | undefined,
  ): void {
    const { counters, edge } = this.context;
    if (!result.admitted) {
      counters.refused++;
      logRefusal(this.context.log, this.key, result);
      // Other clients than plain ones expect an HTTP status instead of a close code.
      if (edge.refusal === 'status' || (claim && !claim.mayBePlain))
        return refuseUpgrade(socket, result.status);
      return this.complete(request, socket, (webSocket) => this.refuse(webSocket, result));
    }
    if (!claim) return this.complete(request, socket, (webSocket) => this.admit(webSocket, request, result));
    const identity = claim.identify(result.admission);
    if ('status' in identity) {
      counters.refused++;
      return refuseUpgrade(socket, identity.status);
    }
    if ('resumed' in identity)
      return this.complete(request, socket, (webSocket) => {
        this.endResumption(identity.resumed, socket);
        this.sessions.resume(identity.resumed, webSocket, result.admission);
      });
    const { admission } = result;
    const { connectionId } = identity;
    if (this.isTaken(connectionId)) {
      counters.refused++;
      return refuseUpgrade(socket, NOT_FOUND);
    }
    this.complete(
      request,
      socket,
      (webSocket) => void this.introduce(webSocket, request, claim, { admission, connectionId }),
    );
  }

  private complete(
    request: IncomingMessage,
    socket: UpgradedSocket,
    opened: (webSocket: WatchedSocket) => void,
  ): void {
    const { upgrading } = this;
    upgrading.add(socket);
    try {
      this.wsServer.handleUpgrade(request, socket, NO_BYTES, (webSocket: WatchedSocket) => {
        upgrading.delete(socket);
        socket.webSocket = webSocket;
        watchTcpEnd(socket);
        // The socket closes after every error, such as a reset or a frame that violates the protocol.
        webSocket.on('error', onSocketError);
        opened(webSocket);
      });
      if (upgrading.has(socket)) socket.once('close', () => upgrading.delete(socket));
    } catch (error) {
      // For example, the gateway's `verifyClient` has thrown.
      this.context.log.error('upgrade', `The upgrade of a client of ${this.key} failed`, error);
      upgrading.delete(socket);
      refuseUpgrade(socket, INTERNAL_SERVER_ERROR);
    }
  }

  private admit(socket: WatchedSocket, request: IncomingMessage, { admission }: Admitted): void {
    const dialect = this.context.dialects.ofSubprotocol(socket.protocol);
    this.sessions.accept(socket, request, { admission, dialect });
  }

  private refuse(socket: WatchedSocket, { failure }: Refusal): void {
    this.holdWithoutSession(socket);
    if (failure) socket.close(INTERNAL_ERROR, 'Internal error');
    else socket.close(POLICY_VIOLATION, 'Refused');
  }

  private async introduce(
    socket: WatchedSocket,
    request: IncomingMessage,
    claim: Claim,
    client: Pick<AdmittedClient, 'admission' | 'connectionId'>,
  ): Promise<void> {
    this.holdWithoutSession(socket);
    const introduction = await claim.introduce(socket);
    this.withoutSession.delete(socket);
    // The socket may have begun to close during the handshake.
    if (!introduction || socket.readyState !== socket.OPEN) return;
    if (this.isTaken(client.connectionId)) socket.terminate();
    else this.sessions.accept(socket, request, { ...client, ...introduction });
  }

  /** Whether a connection of this server has the id. A client can bring that about with a forged or replayed token. */
  private isTaken(connectionId: string | undefined): boolean {
    return (
      connectionId !== undefined &&
      this.context.router.roster.members(this.key)?.get(connectionId) !== undefined
    );
  }

  private holdWithoutSession(socket: WatchedSocket): void {
    // The raw socket may still be paused from waiting, but the client's messages and its close frame must be read.
    socket.resume();
    this.withoutSession.add(socket);
    socket.once('close', () => this.withoutSession.delete(socket));
  }
}
