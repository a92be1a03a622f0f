import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { WebSocketGateway } from '@nestjs/websockets';
import { WebSocket, WebSocketServer } from 'ws';
import { describe, expect, it } from 'vitest';
import type { ChatServer } from '../support/chat-app.js';
import { delivered, turn, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

/** Requests an upgrade over a raw socket, so that the test sees the response unparsed. */
async function requestUpgrade({ port }: ChatServer, path: string, headers = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  farm.onEnd(() => socket.destroy());
  await once(socket, 'connect');
  // The server may destroy its end once the test has read the response.
  socket.on('error', () => undefined);
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${headers}\r\n`,
  );
  return socket;
}

async function responseTo(server: ChatServer, path: string, headers?: string): Promise<string> {
  return (await once(await requestUpgrade(server, path, headers), 'data')).join('');
}

describe('an upgrade', () => {
  it.each(['/chat', '/chat/', '/chat?token=a&b=/other', '/chat/?a'])(
    'of %s reaches the gateway',
    async (path) => {
      const server = await farm.server();
      const client = await farm.client(server, path);
      await delivered(server, client);
    },
  );

  it.each([
    'http://localhost/chat',
    'HTTP://other.example:8080/chat/?token=a',
    'ws://user:secret@[::1]/chat',
    '/ch%61t',
    '/%63hat/?x=%',
    'https://host/%63ha%74',
  ])('of %s reaches the gateway, and authenticate sees the target unchanged', async (target) => {
    const seen: unknown[] = [];
    const authenticate = ({ url }: IncomingMessage) => ({ data: seen.push(url) });
    const server = await farm.server({ ...farm.options(), authenticate });
    expect(await responseTo(server, target)).toMatch(/^HTTP\/1\.1 101 /);
    expect(seen).toEqual([target]);
  });

  it('reaches a gateway whose path contains escapes', async () => {
    @WebSocketGateway({ path: '/caf%c3%a9/%7Eme' })
    class EscapedGateway {}
    const server = await farm.server(farm.options(), {}, EscapedGateway);
    for (const path of ['/caf%c3%a9/~me', '/caf%C3%A9/%7eme/'])
      expect(await responseTo(server, path)).toMatch(/^HTTP\/1\.1 101 /);
  });

  it.each([
    'http://localhost',
    'http://localhost/',
    'http://localhost/nope',
    'http:///chat',
    'http:/chat',
    'chat',
    '*',
    '/chat%2F',
    '/ch%2561t',
    '/ch%6',
    '/%',
    '/%2e%2e/chat',
    '/chat\u00ff',
    'http://[',
    'http://host/chat/../chat',
  ])('of %s is answered with 400 or 404, and does not crash the server', async (target) => {
    const server = await farm.server();
    const escaped = farm.escapes();
    expect(await responseTo(server, target)).toMatch(/^HTTP\/1\.1 40[04] /);
    await delivered(server, await farm.client(server));
    expect(escaped).toEqual([]);
  });

  it.each(['/', '/nope', '/chat/more', '/chatter', '/CHAT', '/?/chat', '//chat'])(
    'of %s, which no gateway serves, is answered with 404, and the socket is closed',
    async (path) => {
      const socket = await requestUpgrade(await farm.server(), path);
      const [first] = (await once(socket, 'data')) as [string];
      expect(first).toMatch(/^HTTP\/1\.1 404 /);
      await once(socket.resume(), 'end');
    },
  );

  it('that no gateway serves does not crash the server if its client resets the socket', async () => {
    const server = await farm.server();
    const escaped = farm.escapes();
    const socket = await requestUpgrade(server, '/nope');
    await once(socket, 'data');

    socket.resetAndDestroy();

    // The server sees the reset before it sees the next client.
    await delivered(server, await farm.client(server));
    await turn();
    expect(escaped).toEqual([]);
  });

  it('is left to another WebSocket server on the same HTTP server if that one handles the path', async () => {
    const server = await farm.server();
    const other = new WebSocketServer({ noServer: true });
    farm.onEnd(() => other.close());
    (server.app.getHttpServer() as Server).on('upgrade', (request, socket, head) => {
      if (request.url !== '/graphql') return;
      other.handleUpgrade(request, socket, head, (webSocket) => webSocket.send('{"event":"from the other"}'));
    });

    const [theirs, ours] = [await farm.client(server, '/graphql'), await farm.client(server)];

    await theirs.next('from the other');
    await delivered(server, ours);
    expect(theirs.received).toHaveLength(1);
  });

  it('with a WebSocket version other than 13 is refused', async () => {
    expect(await responseTo(await farm.server(), '/chat', 'Sec-WebSocket-Version: 7\r\n')).toMatch(
      /^HTTP\/1\.1 4\d\d /,
    );
  });
});

describe('a subprotocol', () => {
  const MSGPACK = 'backplane.msgpack.v1';

  it('is confirmed if the app enables it', async () => {
    const server = await farm.server({ ...farm.options(), protocols: ['json', 'msgpack'] });
    expect(await responseTo(server, '/chat', `Sec-WebSocket-Protocol: ${MSGPACK}\r\n`)).toContain(
      `Sec-WebSocket-Protocol: ${MSGPACK}`,
    );
  });

  it.each([`other, ${MSGPACK}`, `${MSGPACK}, other`])('is found among others: %s', async (offered) => {
    const server = await farm.server({ ...farm.options(), protocols: ['json', 'msgpack'] });
    expect(await responseTo(server, '/chat', `Sec-WebSocket-Protocol: ${offered}\r\n`)).toContain(
      `Sec-WebSocket-Protocol: ${MSGPACK}`,
    );
  });

  it('in which a browser sends a token reaches authenticate and is confirmed', async () => {
    const seen: unknown[] = [];
    const authenticate = ({ headers }: IncomingMessage) => ({
      data: seen.push(headers['sec-websocket-protocol']),
    });
    const server = await farm.server({ ...farm.options(), authenticate });
    // Like a browser, ws closes the socket unless the server confirms one of the offered subprotocols.
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/chat`, ['ey.J-w_t']);
    farm.onEnd(() => socket.terminate());
    await once(socket, 'open');
    expect([seen, socket.protocol]).toEqual([['ey.J-w_t'], 'ey.J-w_t']);
  });

  it('is not confirmed if the app does not enable it: the client could not read the frames', async () => {
    const server = await farm.server();
    expect(await responseTo(server, '/chat', `Sec-WebSocket-Protocol: ${MSGPACK}\r\n`)).not.toContain(
      MSGPACK,
    );
  });
});
