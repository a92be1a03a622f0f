import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { PathServer } from './path-server.js';
import { comparablePath, requestPath } from './request-path.js';
import { refuseUpgrade } from './waiting-socket.js';

type Emit = (event: string, ...args: unknown[]) => boolean;
type Upgrade = [request: IncomingMessage, socket: Duplex, head: Buffer];

/**
 * Assigns the WebSocket upgrades of an HTTP server to the gateways' paths. Other listeners do not get these upgrades,
 * because a `ws` server created with `{ server, path }` answers every other path with 400.
 */
export class UpgradeListener {
  private readonly paths = new Map<string, PathServer>();

  constructor(readonly httpServer: Server) {
    const emit = httpServer.emit.bind(httpServer) as Emit;
    const emitOthers: Emit = (event, ...args) =>
      (event === 'upgrade' && this.take(args as Upgrade)) || emit(event, ...args);
    httpServer.emit = emitOthers;
    // Node emits `upgrade` only if there is a listener.
    httpServer.on('upgrade', this.onForeign);
  }

  add(server: PathServer): void {
    this.paths.set(comparablePath(server.urlPath), server);
  }

  /**
   * Stops listening, but only after the HTTP server has closed. Until then, a connection that it accepted earlier may still
   * request an upgrade. It gets 503, with which a load balancer tries another server; without a listener it would get 404.
   */
  detach(): void {
    const off = (): unknown => this.httpServer.off('upgrade', this.onForeign);
    if (this.httpServer.listening) this.httpServer.once('close', off);
    else off();
  }

  private take([request, socket, head]: Upgrade): boolean {
    const server = this.paths.get(requestPath(request.url));
    if (!server) return false;
    server.upgrade(request, socket, head);
    return true;
  }

  private readonly onForeign = (_request: IncomingMessage, socket: Duplex): void => {
    // Another listener on the same server may serve this path. Without one, the client would never get a response.
    if (this.httpServer.listenerCount('upgrade') === 1) refuseUpgrade(socket, 404);
  };
}
