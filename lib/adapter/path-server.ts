import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocketServer } from 'ws';
import type { BackplaneConnection } from '../broadcast/backplane-connection.js';
import { closeSessions } from './close-sessions.js';
import type { Deadline } from './deadline.js';
import type { PathContext } from './path-context.js';
import { type ConnectListener, PathSessions } from './path-sessions.js';
import { PathUpgrades } from './path-upgrades.js';
import type { Session } from './session.js';

/** The share of `shutdownTimeout` in which clients must complete the close handshake. The rest is for the gateways' hooks. */
const CLIENTS_SHARE = 0.8;
const GOING_AWAY = 1001;

/** The connections of one path, from their upgrade requests to the shutdown. */
export class PathServer {
  private readonly sessions: PathSessions;
  private readonly upgrades: PathUpgrades;

  constructor(
    /** The path of the URL, without a port. */
    readonly urlPath: string,
    /** The path as routing names it: with its port if it has its own. */
    key: string,
    wsServer: WebSocketServer,
    context: PathContext,
    answersPings: boolean,
  ) {
    this.sessions = new PathSessions(key, context, answersPings);
    this.upgrades = new PathUpgrades(key, wsServer, context, this.sessions);
  }

  /** The session of a client that is connected to this path. */
  sessionOf(client: BackplaneConnection): Session | undefined {
    return this.sessions.of(client);
  }

  /** Adds the connect listener of one gateway of the path. */
  onConnect(listener: ConnectListener): void {
    this.sessions.onConnect(listener);
  }

  /** Handles an upgrade request. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.upgrades.take(request, socket, head);
  }

  /** Stops accepting clients, and refuses those that are waiting for admission. Connected clients are still served. */
  drain(): void {
    this.upgrades.drain();
  }

  /**
   * Closes all connections. Resolves when all clients have disconnected and the gateways' hooks have ended, or at the
   * deadline. Never rejects.
   */
  async close(deadline: Deadline): Promise<void> {
    this.upgrades.drain();
    const sessions = this.sessions.all;
    const sockets = [...this.upgrades.withoutSession];
    for (const socket of sockets) socket.close(GOING_AWAY);
    const allDisconnected = Promise.all([
      ...sessions.map((session) => new Promise((resolve) => session.onDisconnect(resolve))),
      ...sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))),
    ]);
    const clientsDeadline = deadline.earlier(CLIENTS_SHARE);
    await closeSessions(sessions, clientsDeadline);
    if (!(await clientsDeadline.meets(allDisconnected)))
      for (const connection of [...sessions, ...sockets]) connection.terminate();
    await this.sessions.hooksEnded(allDisconnected, deadline);
  }
}
