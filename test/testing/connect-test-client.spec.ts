import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { connectTestClient, TestClientError } from '../../lib/testing/index.js';
import { freePorts, portOfNobody } from '../support/free-ports.js';
import { listen, useTestFarm } from '../support/test-farm.js';
import { authenticate, RoomGateway, Rooms } from './room-app.js';

const farm = useTestFarm();
const rooms = new Rooms(farm);

describe('connectTestClient', () => {
  it('makes an app listen that does not yet, also for clients that connect at once', async () => {
    const server = await rooms.app();
    await server.init();
    const [one, other] = await Promise.all([rooms.connect(server, '/room'), rooms.connect(server, '/room')]);

    one.emit('say', 'Hello');

    expect(await other.next('said')).toBe('Hello');
    expect(await server.getUrl()).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  it.each(['127.0.0.1', '::1', '::', '0.0.0.0'])('finds an app that listens on %s', async (host) => {
    const server = await rooms.app();
    await server.listen(0, host);

    const client = await rooms.connect(server, '/room');

    expect(await client.invoke('echo', host)).toBe(host);
  });

  it('accepts a URL with or without a path, a gateway class, and a query', async () => {
    const server = await rooms.app({ authenticate });
    const port = await listen(server);
    const clients = [
      await rooms.connect(`http://127.0.0.1:${port}/room?as=ada`),
      await rooms.connect(`ws://127.0.0.1:${port}`, '/room?as=ada'),
      await connectTestClient(server, RoomGateway, { headers: { 'x-name': 'ada' } }),
    ];

    for (const client of clients) expect(await client.invoke('echo', 'Hello')).toBe('Hello');
  });

  it('reaches a gateway with a port of its own', async () => {
    const port = await portOfNobody();
    @WebSocketGateway(port, { path: '/own' })
    class OwnPortGateway extends RoomGateway {}
    const server = await rooms.app({}, OwnPortGateway);

    const client = await connectTestClient(server, OwnPortGateway);

    expect(new URL(client.socket.url).port).toBe(`${port}`);
    expect(await client.invoke('echo', 1)).toBe(1);
  });

  it('sends the token, headers and subprotocols', async () => {
    const server = await rooms.app({ authenticate, protocols: ['json', 'msgpack'] });

    await rooms.connect(server, '/room', { token: 'secret' });
    await rooms.connect(server, '/room', { headers: { 'X-Name': 'ada' } });
    const client = await rooms.connect(server, '/room', {
      token: 'secret',
      protocols: ['backplane.msgpack.v1'],
    });

    expect(await client.next('welcome')).toEqual({ protocol: 'backplane.msgpack.v1' });
    const bytes = await client.invoke('echo', new Uint8Array([1, 2]));
    expect([...(bytes as Uint8Array)]).toEqual([1, 2]);
  });

  it('rejects with the status when the server refuses it', async () => {
    const server = await rooms.app({ authenticate });

    const failure = await rooms.connect(server, '/room').catch((error: unknown) => error);

    expect(failure).toBeInstanceOf(TestClientError);
    expect(failure).toMatchObject({
      status: 401,
      message: expect.stringContaining('/room: the server refused') as unknown,
    });
    await expect(rooms.connect(server, '/nowhere', { token: 'secret' })).rejects.toMatchObject({
      status: expect.any(Number) as unknown,
    });
  });

  it('rejects when nobody listens, or nobody answers', async () => {
    const [port = 0] = await freePorts([undefined]);
    await expect(rooms.connect(`ws://127.0.0.1:${port}/room`)).rejects.toThrow(
      /could not connect .*ECONNREFUSED/,
    );
    const silent = createServer();
    silent.on('upgrade', (_request, socket) => farm.onEnd(() => socket.destroy()));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    farm.onEnd(() => silent.close());
    const { port: silentPort } = silent.address() as AddressInfo;

    await expect(
      rooms.connect(`ws://127.0.0.1:${silentPort}/room`, undefined, { timeout: 50 }),
    ).rejects.toThrow(/could not connect .*timed out/);
  });

  it('rejects for an app that is closed', async () => {
    const server = await rooms.app();
    await rooms.connect(server, '/room');
    await server.close();

    await expect(rooms.connect(server, '/room')).rejects.toThrow('Connect before app.close()');
  });

  it('rejects invalid arguments', async () => {
    const server = await rooms.app();
    // @ts-expect-error as in a test whose `beforeEach` did not assign it
    await expect(connectTestClient(undefined)).rejects.toThrow('Invalid argument `server`');
    await expect(connectTestClient('localhost:3000')).rejects.toThrow('Invalid argument `server`');
    await expect(connectTestClient(server, '/a b')).rejects.toThrow('Invalid argument `gateway`');
    await expect(connectTestClient(server, '/room', { timeout: 0 })).rejects.toThrow(
      'Invalid argument `timeout`',
    );
  });
});
