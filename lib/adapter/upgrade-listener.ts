import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { PathServer } from './path-server.js';
import { refuseUpgrade } from './waiting-socket.js';

/** Takes the WebSocket upgrades of one HTTP server to the gateways' paths. */
export class UpgradeListener {
  private readonly paths = new Map<string, PathServer>();

  constructor(readonly httpServer: Server) {
    httpServer.on('upgrade', this.onUpgrade);
  }

  add(server: PathServer): void {
    this.paths.set(server.urlPath, server);
  }

  detach(): void {
    this.httpServer.off('upgrade', this.onUpgrade);
  }

  private readonly onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const server = this.paths.get(urlPath(request.url));
    if (server) return void server.upgrade(request, socket, head);
    // Another listener on the same server may serve this path; where there is none, nobody will answer.
    if (this.httpServer.listenerCount('upgrade') === 1) {
      refuseUpgrade(socket, 404);
    }
  };
}

function urlPath(url = '/'): string {
  const [path = '/'] = url.split('?', 1);
  return path.length > 1 ? path.replace(/\/+$/, '') || '/' : path;
}
