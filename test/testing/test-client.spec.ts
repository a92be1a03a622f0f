import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayConnection,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
} from '@nestjs/websockets';
import { describe, expect, it, vi } from 'vitest';
import { WebSocketServer as WsServer } from 'ws';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import {
  connectTestClient,
  HandlerError,
  type TestClient,
  TestClientError,
} from '../../lib/testing/index.js';
import { freePorts, portOfNobody } from '../support/free-ports.js';
import { listen, useTestFarm } from '../support/test-farm.js';

interface RoomEvents {
  welcome: { protocol: string };
  said: string;
  confirm: string;
}

@WebSocketGateway({ path: '/room' })
class RoomGateway implements OnGatewayConnection {
  @WebSocketServer() readonly server!: Broadcaster<RoomEvents>;

  async handleConnection(client: BackplaneConnection): Promise<void> {
    await client.emit('welcome', { protocol: client.socket.protocol });
  }

  @SubscribeMessage('say')
  say(@MessageBody() text: string) {
    return this.server.emit('said', text);
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return { event: 'echo', data };
  }

  @SubscribeMessage('fail')
  fail(): never {
    throw new WsException('not like that');
  }

  @SubscribeMessage('stall')
  stall() {
    return new Promise(() => undefined);
  }

  @SubscribeMessage('ask')
  async ask(@ConnectedSocket() client: BackplaneConnection, @MessageBody() question: string) {
    return { event: 'asked', data: await client.invoke('confirm', question) };
  }

  @SubscribeMessage('go')
  go(@ConnectedSocket() client: BackplaneConnection) {
    client.close(4001, 'gone');
  }

  @SubscribeMessage('odd')
  odd() {
    return 'not a message';
  }
}

const farm = useTestFarm();

function replyTo(bytes: Buffer): string {
  const { id, data } = JSON.parse(bytes.toString()) as { id: number; data: unknown };
  return JSON.stringify({ id, data });
}

const authenticate = (request: IncomingMessage): object | null => {
  const { authorization, 'x-name': name } = request.headers;
  return authorization === 'Bearer secret' || name === 'ada' || request.url?.includes('as=ada') ? {} : null;
};

function app(options = {}, gateway = RoomGateway): Promise<INestApplication> {
  return farm.app({
    imports: [RedisBackplaneModule.forRoot({ ...farm.options(), ...options })],
    providers: [gateway],
  });
}

async function connect(
  server: INestApplication | string,
  ...rest: [path?: string, options?: Parameters<typeof connectTestClient>[2]]
): Promise<TestClient<RoomEvents>> {
  const client = await connectTestClient<RoomEvents>(server, ...rest);
  farm.onEnd(() => client.close());
  return client;
}

describe('connectTestClient', () => {
  it('makes an app listen that does not yet, also for clients that connect at once', async () => {
    const server = await app();
    await server.init();
    const [one, other] = await Promise.all([connect(server, '/room'), connect(server, '/room')]);

    one.emit('say', 'Hello');

    expect(await other.next('said')).toBe('Hello');
    expect(await server.getUrl()).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  it.each(['127.0.0.1', '::1', '::', '0.0.0.0'])('finds an app that listens on %s', async (host) => {
    const server = await app();
    await server.listen(0, host);

    const client = await connect(server, '/room');

    expect(await client.invoke('echo', host)).toBe(host);
  });

  it('accepts a URL with or without a path, a gateway class, and a query', async () => {
    const server = await app({ authenticate });
    const port = await listen(server);
    const clients = [
      await connect(`http://127.0.0.1:${port}/room?as=ada`),
      await connect(`ws://127.0.0.1:${port}`, '/room?as=ada'),
      await connectTestClient(server, RoomGateway, { headers: { 'x-name': 'ada' } }),
    ];

    for (const client of clients) expect(await client.invoke('echo', 'Hello')).toBe('Hello');
  });

  it('reaches a gateway with a port of its own', async () => {
    const port = await portOfNobody();
    @WebSocketGateway(port, { path: '/own' })
    class OwnPortGateway extends RoomGateway {}
    const server = await app({}, OwnPortGateway);

    const client = await connectTestClient(server, OwnPortGateway);

    expect(new URL(client.socket.url).port).toBe(`${port}`);
    expect(await client.invoke('echo', 1)).toBe(1);
  });

  it('sends the token, headers and subprotocols', async () => {
    const server = await app({ authenticate, protocols: ['json', 'msgpack'] });

    await connect(server, '/room', { token: 'secret' });
    await connect(server, '/room', { headers: { 'X-Name': 'ada' } });
    const client = await connect(server, '/room', { token: 'secret', protocols: ['backplane.msgpack.v1'] });

    expect(await client.next('welcome')).toEqual({ protocol: 'backplane.msgpack.v1' });
    const bytes = await client.invoke('echo', new Uint8Array([1, 2]));
    expect([...(bytes as Uint8Array)]).toEqual([1, 2]);
  });

  it('rejects with the status when the server refuses it', async () => {
    const server = await app({ authenticate });

    const failure = await connect(server, '/room').catch((error: unknown) => error);

    expect(failure).toBeInstanceOf(TestClientError);
    expect(failure).toMatchObject({
      status: 401,
      message: expect.stringContaining('/room: the server refused') as unknown,
    });
    await expect(connect(server, '/nowhere', { token: 'secret' })).rejects.toMatchObject({
      status: expect.any(Number) as unknown,
    });
  });

  it('rejects when nobody listens, or nobody answers', async () => {
    const [port = 0] = await freePorts([undefined]);
    await expect(connect(`ws://127.0.0.1:${port}/room`)).rejects.toThrow(/could not connect .*ECONNREFUSED/);
    const silent = createServer();
    silent.on('upgrade', (_request, socket) => farm.onEnd(() => socket.destroy()));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    farm.onEnd(() => silent.close());
    const { port: silentPort } = silent.address() as AddressInfo;

    await expect(connect(`ws://127.0.0.1:${silentPort}/room`, undefined, { timeout: 50 })).rejects.toThrow(
      /could not connect .*timed out/,
    );
  });

  it('rejects for an app that is closed', async () => {
    const server = await app();
    await connect(server, '/room');
    await server.close();

    await expect(connect(server, '/room')).rejects.toThrow('Connect before app.close()');
  });

  it('rejects invalid arguments', async () => {
    const server = await app();
    // @ts-expect-error as in a test whose `beforeEach` did not assign it
    await expect(connectTestClient(undefined)).rejects.toThrow('Invalid argument `server`');
    await expect(connectTestClient('localhost:3000')).rejects.toThrow('Invalid argument `server`');
    await expect(connectTestClient(server, '/a b')).rejects.toThrow('Invalid argument `gateway`');
    await expect(connectTestClient(server, '/room', { timeout: 0 })).rejects.toThrow(
      'Invalid argument `timeout`',
    );
  });
});

describe('a TestClient', () => {
  it('buffers messages, so none is missed, and returns each once', async () => {
    const client = await connect(await app(), '/room');
    for (const text of ['a', 'b']) client.emit('say', text);
    await client.invoke('echo');

    expect(client.received.map(({ event }) => event)).toEqual(['welcome', 'said', 'said']);
    expect(await client.next('said')).toBe('a');
    expect(await client.next('welcome')).toEqual({ protocol: '' });
    expect(await client.next('said')).toBe('b');
    await expect(client.next('said', 20)).rejects.toThrow('No message "said" within 20 ms');
  });

  it('gives messages to waiting calls in the order of the calls', async () => {
    const client = await connect(await app(), '/room');
    const both = Promise.all([client.next('said'), client.next('said')]);
    for (const text of ['a', 'b']) client.emit('say', text);

    expect(await both).toEqual(['a', 'b']);
  });

  it('says what did arrive when a message does not', async () => {
    const client = await connect(await app(), '/room', { timeout: 50 });
    await client.next('welcome');
    client.emit('fail');

    await expect(client.next('said')).rejects.toThrow(
      /^No message "said" within 50 ms\. The client has received 2 messages:\n {2}welcome \{"protocol":""\}\n {2}exception .*not like that/,
    );
  });

  it('limits what an error shows', async () => {
    const client = await connect(await app(), '/room');
    for (let count = 0; count < 20; count++) client.emit('say', 'x'.repeat(1000));
    await client.invoke('echo');

    const failure = (await client.next('confirm', 20).catch((error: unknown) => error)) as Error;
    expect(failure.message).toContain('21 messages, the last 10 of them');
    expect(failure.message.length).toBeLessThan(3000);
  });

  it('invoke resolves with the reply, and rejects with the error of the handler', async () => {
    const client = await connect(await app(), '/room');

    expect(await client.invoke('echo', { a: 1 })).toEqual({ a: 1 });
    expect(await client.invoke('go-nowhere').catch((error: unknown) => error)).toBeInstanceOf(HandlerError);
    await expect(client.invoke('fail')).rejects.toMatchObject({
      event: 'fail',
      error: { message: 'not like that' },
    });
    await expect(client.invoke('stall', undefined, 20)).rejects.toThrow('No reply to "stall" within 20 ms');
  });

  it('responds to invoke of the server', async () => {
    const client = await connect(await app(), '/room', {
      replies: { confirm: (data) => `yes, ${String(data)}` },
    });
    expect(await client.invoke('ask', 'sure?')).toBe('yes, sure?');
    expect(await client.next('confirm')).toBe('sure?');

    client.reply('confirm', () => Promise.reject(new Error('busy')));
    await expect(client.invoke('ask', 'sure?')).rejects.toBeInstanceOf(HandlerError);
  });

  it('responds with an error if the test has set no reply', async () => {
    const server = await app();
    const client = await connect(server, '/room');
    await client.next('welcome');
    const [connection] = server.get(RoomGateway).server.localConnections;

    await expect(connection?.invoke('confirm', 'sure?')).rejects.toThrow('has no reply to "confirm"');
  });

  it('is closed by the server with a code and reason, which end every wait', async () => {
    const client = await connect(await app(), '/room');
    const waiting = [client.next('said'), client.invoke('stall')];
    const ended = Promise.allSettled(waiting);
    client.emit('go');

    expect(await client.closed).toEqual({ code: 4001, reason: 'gone' });
    for (const result of await ended)
      expect(result).toMatchObject({
        reason: { message: expect.stringContaining('closed with 4001 (gone)') as unknown },
      });
    await expect(client.next('said')).rejects.toThrow('closed with 4001 (gone)');
    expect(await client.next('welcome')).toEqual({ protocol: '' });
    expect(() => client.emit('say', 'late')).toThrow('its connection is closed');
    await expect(client.invoke('echo')).rejects.toThrow('its connection is closed');
  });

  it('closes, more than once, and ends with its app', async () => {
    const server = await app();
    const [one, other] = [await connect(server, '/room'), await connect(server, '/room')];

    expect(await one.close(4000, 'bye')).toEqual({ code: 4000, reason: 'bye' });
    expect(await one.close()).toEqual({ code: 4000, reason: 'bye' });
    await server.close();
    expect((await other.closed).code).toBe(1001);
  });

  it('leaves no timers behind, also with a server that is no Nest app', async () => {
    const plain = new WsServer({ port: 0, host: '127.0.0.1' });
    farm.onEnd(() => plain.close());
    plain.on('connection', (socket) => socket.on('message', (bytes: Buffer) => socket.send(replyTo(bytes))));
    const { port } = plain.address() as AddressInfo;
    const [set, clear] = [vi.spyOn(globalThis, 'setTimeout'), vi.spyOn(globalThis, 'clearTimeout')];
    farm.onEnd(() => vi.restoreAllMocks());

    const client = await connectTestClient(`ws://127.0.0.1:${port}`, '/', { timeout: 1234 });
    const waiting = client.next('said').catch((error: unknown) => error);
    expect(await client.invoke('echo', 1)).toBe(1);
    await client.close();
    expect(await waiting).toBeInstanceOf(TestClientError);

    const own = set.mock.calls.flatMap(([, ms], call) => (ms === 1234 || ms === 2000 ? [call] : []));
    const cleared = new Set(clear.mock.calls.map(([timer]) => timer));
    expect(own).toHaveLength(3);
    for (const call of own) expect(cleared).toContain(set.mock.results[call]?.value);
  });

  it('takes what is no message as it is', async () => {
    const server = await app();
    const client = await connect(server, '/room');
    await client.next('welcome');
    const [connection] = server.get(RoomGateway).server.localConnections;

    client.emit('odd');
    connection?.socket.send('not JSON');
    connection?.socket.send('[1]');
    await client.invoke('echo');

    expect(client.received.slice(1)).toContainEqual({ data: 'not JSON' });
    expect(client.received.slice(1)).toContainEqual({ data: [1] });
  });
});
