import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { WebSocketGateway } from '@nestjs/websockets';
// Imported by file name because vitest would load a different copy than graphql-ws, and graphql rejects schemas of another
// copy.
import { buildSchema } from 'graphql/index.js';
import { createClient } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocket, WebSocketServer } from 'ws';
import { describe, expect, it } from 'vitest';
import type { ChatServer } from '../support/chat-app.js';
import { eventually } from '../support/observe.js';
import { handshake, RawClient, refusal } from '../support/raw-client.js';
import { delivered, turn, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const httpServerOf = ({ app }: ChatServer): Server => app.getHttpServer() as Server;

/** Adds a server like the one in the documentation of graphql-ws. It answers every path but its own with 400. */
function addPathServer(server: ChatServer, path: string): WebSocketServer {
  const other = new WebSocketServer({ server: httpServerOf(server), path });
  farm.onEnd(() => other.close());
  other.on('connection', (socket) => {
    socket.send('{"event":"hello"}');
    socket.on('message', (data) => socket.send(data, { binary: false }));
  });
  return other;
}

describe('a ws server with { server, path } on the same HTTP server', () => {
  it('serves its own path alongside the gateway, and neither affects the other', async () => {
    const server = await farm.server({ ...farm.options(), authenticate: async () => (await turn(), {}) });
    const escaped = farm.escapes();
    addPathServer(server, '/graphql');

    const [theirs, ours] = [await farm.client(server, '/graphql'), await farm.client(server)];

    await theirs.next('hello');
    theirs.send('echo', 1);
    await theirs.next('echo');
    await delivered(server, ours);
    expect(ours.received).toHaveLength(1);
    expect(await refusal(server, '/nope')).toBe(400);
    expect(server.backplane.counters.connections).toBe(1);
    expect(escaped).toEqual([]);
  });

  it('keeps serving after the app has refused a client', async () => {
    const server = await farm.server({
      ...farm.options(),
      authenticate: ({ url }) => (url === '/chat' ? {} : null),
    });
    addPathServer(server, '/graphql');
    expect(await refusal(server, '/chat?no')).toBe(401);
    await (await farm.client(server, '/graphql')).next('hello');
    await delivered(server, await farm.client(server));
  });

  it('keeps serving while the gateways close their clients', async () => {
    const server = await farm.server();
    addPathServer(server, '/graphql');
    const [theirs, ours] = [await farm.client(server, '/graphql'), await farm.client(server)];
    await theirs.next('hello');

    const closing = server.app.close();

    expect(await ours.closed).toMatchObject({ code: 1001 });
    theirs.send('echo', 1);
    await theirs.next('echo');
    await theirs.close();
    await closing;
  });
});

describe('graphql-ws on the same HTTP server', () => {
  it('serves queries and subscriptions alongside a gateway', async () => {
    const server = await farm.server();
    const schema = buildSchema('type Query { hello: String } type Subscription { count: Int }');
    async function* count(): AsyncGenerator<{ count: number }> {
      for (let number = 1; number <= 3; number++) {
        await turn();
        yield { count: number };
      }
    }
    const webSocketServer = new WebSocketServer({ server: httpServerOf(server), path: '/graphql' });
    const graphql = useServer(
      { schema, roots: { query: { hello: 'world' }, subscription: { count } } },
      webSocketServer,
    );
    farm.onEnd(() => graphql.dispose());
    const url = `ws://127.0.0.1:${server.port}/graphql`;
    const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 });
    farm.onEnd(() => client.dispose());
    const all = async (query: string): Promise<unknown[]> => {
      const results: unknown[] = [];
      for await (const { data } of client.iterate({ query })) results.push(data);
      return results;
    };

    const ours = await farm.client(server);
    const counted = all('subscription { count }');
    await delivered(server, ours);

    expect(await all('{ hello }')).toEqual([{ hello: 'world' }]);
    expect(await counted).toEqual([{ count: 1 }, { count: 2 }, { count: 3 }]);
    expect(ours.received).toHaveLength(1);
    expect(server.backplane.counters.connections).toBe(1);
  });
});

describe('a path without a gateway', () => {
  it('is answered with 404 once the other WebSocket server is gone', async () => {
    const server = await farm.server();
    const other = addPathServer(server, '/graphql');
    await new Promise((resolve) => other.close(resolve));
    expect(await refusal(server, '/graphql')).toBe(404);
  });

  it('is left to a listener that answers late', async () => {
    const server = await farm.server();
    httpServerOf(server).on('upgrade', (request, socket) => {
      if (request.url === '/late') setImmediate(() => socket.end('HTTP/1.1 418 I am late\r\n\r\n'));
    });
    const client = await RawClient.ask(server, '/late');
    await client.until('HTTP/1.1 418');
  });
});

it('a client that connects before the app closes and requests the upgrade afterwards gets 503', async () => {
  const server = await farm.server();
  const httpServer = httpServerOf(server);
  const accepted = once(httpServer, 'connection');
  const late = await RawClient.open(server);
  await accepted;
  const closing = server.app.close();
  await eventually(() => expect(httpServer.listening).toBe(false));

  late.write(handshake('/chat'));

  await late.closed;
  expect(late.received).toMatch(/^HTTP\/1.1 503 /);
  await closing;
});

it('a closed app leaves no upgrade listener on its HTTP server', async () => {
  const before = createServer();
  const server = await farm.server();
  const httpServer = httpServerOf(server);
  await server.app.close();
  expect(httpServer.listenerCount('upgrade')).toBe(before.listenerCount('upgrade'));
});

@WebSocketGateway({ path: '/a' })
class FirstGateway {
  connected = 0;

  handleConnection(): void {
    this.connected++;
  }
}

@WebSocketGateway({ path: '/a' })
class SecondGateway extends FirstGateway {}

@WebSocketGateway({ path: '/b' })
class OtherPathGateway extends FirstGateway {}

it('each gateway on a path gets all clients of that path and none of another path', async () => {
  const providers = [FirstGateway, SecondGateway, OtherPathGateway];
  const server = await farm.server(farm.options(), { providers });
  await farm.client(server, '/a');
  await farm.client(server, '/a');
  await farm.client(server, '/b');
  await delivered(server, await farm.client(server));
  expect(providers.map((gateway) => server.app.get(gateway).connected)).toEqual([2, 2, 1]);
});
