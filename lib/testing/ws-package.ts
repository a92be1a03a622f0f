import { createServer } from 'node:http';
import { WsAdapter } from '@nestjs/platform-ws';
import type { WebSocket, WebSocketServer } from 'ws';

let known: typeof WebSocket | undefined;

/**
 * The `WebSocket` class of the `ws` package that `@nestjs/platform-ws` uses. This package does not depend on `ws`, and a strict
 * package manager lets nobody import what is not a dependency. So the class is taken from a server that Nest's adapter makes:
 * that works with every package manager, in ES modules and in CommonJS. Node's own `WebSocket` would not do, because Node 20
 * has none and it sends no headers. The server does not listen, so nothing has to be closed.
 */
export function webSocketClass(): typeof WebSocket {
  if (known) return known;
  const server = new WsAdapter(createServer()).create(0, { path: '/' }) as WebSocketServer;
  const { WebSocket: found } = server.options;
  // Set by `ws` itself: it is the class of the server's own sockets.
  if (!found) throw new TypeError('The server of @nestjs/platform-ws does not expose its WebSocket class.');
  known = found;
  return found;
}
