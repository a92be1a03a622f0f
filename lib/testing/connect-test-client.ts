import type { Server } from 'node:http';
import type { INestApplication, Type } from '@nestjs/common';
import type { WebSocket } from 'ws';
import type { AnyEvents } from '../broadcast/events.js';
import { gatewayPath } from '../broadcast/gateway-path.js';
import { InvalidArgumentError } from '../protocol/invalid-argument.error.js';
import type { Reply } from './replies.js';
import { TestClient } from './test-client.js';
import { TestClientError, TestSetupError } from './testing.errors.js';
import { checkTimeout } from './waiters.js';
import { webSocketClass } from './ws-package.js';

export interface TestClientOptions {
  /** Sent as `Authorization: Bearer <token>`. Default: none. */
  token?: string;
  /** Headers of the upgrade request, such as `{ cookie: 'session=…' }` or `{ origin: 'https://example.com' }`. */
  headers?: Readonly<Record<string, string>>;
  /** The subprotocols to offer. With `backplane.msgpack.v1`, the client speaks MessagePack. Default: none, so JSON. */
  protocols?: string | readonly string[];
  /**
   * How long to wait for the connection, and for each message and reply, in milliseconds.
   *
   * @default 2000, which is less than the limit of a test in Jest and Vitest, so that the error says what is missing
   */
  timeout?: number;
  /** Replies to the server's `invoke`, by event, from the first message on. See {@link TestClient.reply}. */
  replies?: Readonly<Record<string, Reply>>;
}

const DEFAULT_TIMEOUT_MS = 2000;

/**
 * Connects a test client to a gateway. Resolves once the connection is open.
 *
 * ```ts
 * const client = await connectTestClient(app, '/chat', { token });
 * expect(await client.invoke('join', 'tea')).toBe('tea');
 * client.emit('say', { room: 'tea', text: 'Hello' });
 * expect(await client.next('said')).toEqual({ room: 'tea', text: 'Hello' });
 * ```
 *
 * `await app.close()` also closes its clients.
 *
 * @param server an app, or a URL such as `http://127.0.0.1:3000`. An app that is not listening is started on a free port of
 * 127.0.0.1
 * @param gateway the gateway's class, or its path, which may have a query: `/chat?room=tea`. Default: the path of the URL, or `/`
 * @throws TestClientError (as a rejection) when the server refuses the connection, cannot be reached, or does not answer in time
 * @throws TestSetupError (as a rejection) when the app is closed
 * @throws InvalidArgumentError, NotAGatewayError, InvalidPathError (as rejections) when an argument is invalid
 */
export async function connectTestClient<Events extends object = AnyEvents>(
  server: INestApplication | string,
  gateway?: Type | string,
  options: TestClientOptions = {},
): Promise<TestClient<Events>> {
  const { token, headers, protocols = [], timeout: timeoutMs = DEFAULT_TIMEOUT_MS, replies = {} } = options;
  checkTimeout(timeoutMs);
  const url = gatewayUrl(await addressOf(server), gateway);
  const WebSocketOfNest = webSocketClass();
  const socket = new WebSocketOfNest(url, [protocols].flat(), {
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
    handshakeTimeout: timeoutMs,
  });
  // Made before the connection is open, because the first messages may arrive with it.
  const client = new TestClient<Events>(socket, timeoutMs, new Map(Object.entries(replies)));
  await opened(socket, url);
  return client;
}

/** Apps that have begun to listen for a client: clients that connect at the same time wait for the same. */
const starting = new WeakMap<INestApplication, Promise<unknown>>();

async function addressOf(server: INestApplication | string): Promise<string> {
  if (typeof server === 'string') return server;
  const given: unknown = server;
  if (typeof given !== 'object' || given === null || !('getHttpServer' in given))
    throw new InvalidArgumentError('server', 'a Nest app with an HTTP server, or a URL', server);
  if (!(server.getHttpServer() as Server).listening) {
    const started = starting.get(server) ?? server.listen(0, '127.0.0.1');
    starting.set(server, started);
    await started;
  }
  try {
    return await server.getUrl();
  } catch (cause) {
    // Nest rejects with a string that asks for `app.listen()`.
    throw new TestSetupError(
      'The app does not listen. Connect before app.close(), and let only app.listen() start its HTTP server.',
      { cause },
    );
  }
}

/** @throws InvalidArgumentError, NotAGatewayError, InvalidPathError */
function gatewayUrl(address: string, gateway: Type | string | undefined): URL {
  if (!URL.canParse(address) || !/^(http|ws)s?:/i.test(address))
    throw new InvalidArgumentError('server', 'a URL such as http://127.0.0.1:3000', address);
  const url = new URL(address.replace(/^http/i, 'ws'));
  if (gateway === undefined) return url;
  const [path = '', ...query] = typeof gateway === 'string' ? gateway.split('?') : [gateway];
  const [, port = '', pathname = ''] = /^(\d*)(.*)$/s.exec(gatewayPath(path)) ?? [];
  if (port !== '') url.port = port;
  url.pathname = pathname;
  url.search = query.join('?');
  return url;
}

function opened(socket: WebSocket, url: URL): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (why: string, status?: number, cause?: Error): void =>
      reject(new TestClientError(`The client could not connect to ${url.href}: ${why}`, status, { cause }));
    socket.once('open', () => resolve());
    socket.once('error', (error) => failed(error.message, undefined, error));
    socket.once('unexpected-response', (request, { statusCode, statusMessage = '' }) => {
      failed(
        `the server refused it with ${statusCode ?? 'no status'} ${statusMessage}`.trimEnd() + '.',
        statusCode,
      );
      request.destroy();
    });
  });
}
