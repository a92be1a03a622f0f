import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { WebSocketGateway } from '@nestjs/websockets';
import { WebSocket, WebSocketServer } from 'ws';
import { describe, expect, it } from 'vitest';
import type { ChatServer } from '../support/chat-app.js';
import { delivered, turn, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

/** Asks for an upgrade by hand, which shows the answer as it is. */
async function ask({ port }: ChatServer, path: string, headers = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  farm.onEnd(() => socket.destroy());
  await once(socket, 'connect');
  // The server may destroy its end, which is no failure of a test that has read what it came for.
  socket.on('error', () => undefined);
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${headers}\r\n`,
  );
  return socket;
}

async function answer(server: ChatServer, path: string, headers?: string): Promise<string> {
  return (await once(await ask(server, path, headers), 'data')).join('');
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
  ])('of %s reaches the gateway, which sees the target as it came', async (target) => {
    const seen: unknown[] = [];
    const authenticate = ({ url }: IncomingMessage) => ({ data: seen.push(url) });
    const server = await farm.server({ ...farm.options(), authenticate });
    expect(await answer(server, target)).toMatch(/^HTTP\/1\.1 101 /);
    expect(seen).toEqual([target]);
  });

  it('reaches a gateway whose path is written with escapes', async () => {
    @WebSocketGateway({ path: '/caf%c3%a9/%7Eme' })
    class EscapedGateway {}
    const server = await farm.server(farm.options(), {}, EscapedGateway);
    for (const path of ['/caf%c3%a9/~me', '/caf%C3%A9/%7eme/'])
      expect(await answer(server, path)).toMatch(/^HTTP\/1\.1 101 /);
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
  ])('of %s is answered with 400 or 404, and harms nobody', async (target) => {
    const server = await farm.server();
    const escaped = farm.escapes();
    expect(await answer(server, target)).toMatch(/^HTTP\/1\.1 40[04] /);
    await delivered(server, await farm.client(server));
    expect(escaped).toEqual([]);
  });

  it.each(['/', '/nope', '/chat/more', '/chatter', '/CHAT', '/?/chat', '//chat'])(
    'of %s, which nobody serves, is answered with 404, and the connection closed',
    async (path) => {
      const socket = await ask(await farm.server(), path);
      const [first] = (await once(socket, 'data')) as [string];
      expect(first).toMatch(/^HTTP\/1\.1 404 /);
      await once(socket.resume(), 'end');
    },
  );

  it('that nobody serves harms nobody when its client resets the connection', async () => {
    const server = await farm.server();
    const escaped = farm.escapes();
    const socket = await ask(server, '/nope');
    await once(socket, 'data');

    socket.resetAndDestroy();

    // The server hears of the reset before it hears of what follows.
    await delivered(server, await farm.client(server));
    await turn();
    expect(escaped).toEqual([]);
  });

  it('is left alone where another WebSocket server listens on the same HTTP server', async () => {
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

  it('of a version that is not WebSocket 13 is refused', async () => {
    expect(await answer(await farm.server(), '/chat', 'Sec-WebSocket-Version: 7\r\n')).toMatch(
      /^HTTP\/1\.1 4\d\d /,
    );
  });
});

describe('a subprotocol', () => {
  const MSGPACK = 'backplane.msgpack.v1';

  it('is confirmed where the app has it', async () => {
    const server = await farm.server({ ...farm.options(), protocols: ['json', 'msgpack'] });
    expect(await answer(server, '/chat', `Sec-WebSocket-Protocol: ${MSGPACK}\r\n`)).toContain(
      `Sec-WebSocket-Protocol: ${MSGPACK}`,
    );
  });

  it.each([`other, ${MSGPACK}`, `${MSGPACK}, other`])('is found among others: %s', async (offered) => {
    const server = await farm.server({ ...farm.options(), protocols: ['json', 'msgpack'] });
    expect(await answer(server, '/chat', `Sec-WebSocket-Protocol: ${offered}\r\n`)).toContain(
      `Sec-WebSocket-Protocol: ${MSGPACK}`,
    );
  });

  it('that is a token, which browsers can send nowhere else, is seen by authenticate and confirmed', async () => {
    const seen: unknown[] = [];
    const authenticate = ({ headers }: IncomingMessage) => ({
      data: seen.push(headers['sec-websocket-protocol']),
    });
    const server = await farm.server({ ...farm.options(), authenticate });
    // As a browser, it closes unless one that it offered is confirmed.
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/chat`, ['ey.J-w_t']);
    farm.onEnd(() => socket.terminate());
    await once(socket, 'open');
    expect([seen, socket.protocol]).toEqual([['ey.J-w_t'], 'ey.J-w_t']);
  });

  it('is not confirmed where the app does not have it: its client would get frames that it cannot read', async () => {
    const server = await farm.server();
    expect(await answer(server, '/chat', `Sec-WebSocket-Protocol: ${MSGPACK}\r\n`)).not.toContain(MSGPACK);
  });
});
