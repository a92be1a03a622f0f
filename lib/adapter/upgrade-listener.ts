import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { PathServer } from './path-server.js';
import { comparablePath, requestPath } from './request-path.js';
import { refuseUpgrade } from './waiting-socket.js';

type Emit = (event: string, ...args: unknown[]) => boolean;
type Upgrade = [request: IncomingMessage, socket: Duplex, head: Buffer];

/**
 * Takes the WebSocket upgrades of one HTTP server to the gateways' paths. What is ours is not shown to other listeners:
 * a `ws` server made with `{ server, path }` answers 400 to every path but its own.
 */
export class UpgradeListener {
  private readonly paths = new Map<string, PathServer>();

  constructor(readonly httpServer: Server) {
    const emit = httpServer.emit.bind(httpServer) as Emit;
    const emitOthers: Emit = (event, ...args) =>
      (event === 'upgrade' && this.take(args as Upgrade)) || emit(event, ...args);
    httpServer.emit = emitOthers;
    // Node emits upgrades only where someone listens.
    httpServer.on('upgrade', this.onForeign);
  }

  add(server: PathServer): void {
    this.paths.set(comparablePath(server.urlPath), server);
  }

  /**
   * When the paths are closed, their clients are still answered until the HTTP server is: a connection that it accepted
   * before may ask only now, and is to be told 503, which makes a balancer ask another server, and not 404.
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
    // Another listener on the same server may serve this path; where there is none, nobody will answer.
    if (this.httpServer.listenerCount('upgrade') === 1) refuseUpgrade(socket, 404);
  };
}
