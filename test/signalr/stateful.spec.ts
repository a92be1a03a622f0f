import { describe, expect, it } from 'vitest';
import { Proxy } from '../faults/proxy.js';
import { WebSocket } from 'ws';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import type { ChatServer } from '../support/chat-app.js';
import { HubGateway } from '../support/hub.gateway.js';
import { authenticate, negotiated, upgrade } from '../support/negotiation.js';
import { RawHubClient } from '../support/raw-hub-client.js';
import {
  GENERATIONS,
  type HubConnection,
  hubConnection,
  itemsOf,
  LATEST,
} from '../support/signalr-clients.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
/** Nothing listens on this port. */
const NOBODY = 1;

function hubServer(options: RedisBackplaneOptions = {}): Promise<ChatServer> {
  return farm.server(
    { ...farm.options(), protocols: ['json', 'msgpack'], signalr: true, ...options },
    {},
    HubGateway,
  );
}

async function proxyTo({ port }: ChatServer): Promise<Proxy> {
  const proxy = await Proxy.open(port);
  farm.onEnd(() => proxy.close());
  return proxy;
}

async function socketLost({ broadcaster }: ChatServer): Promise<void> {
  const [client] = broadcaster.gateway(HubGateway).localConnections;
  await expect.poll(() => client?.socket.readyState).toBe(WebSocket.CLOSED);
}

interface Client {
  readonly connection: HubConnection;
  readonly received: unknown[];
  readonly events: string[];
}

async function stateful(
  port: number,
  generation = LATEST,
  options: { isBinary?: boolean; reconnectDelays?: number[] } = {},
): Promise<Client> {
  const connection = hubConnection(farm, generation, port, { ...options, isStateful: true });
  const client: Client = { connection, received: [], events: [] };
  connection.on('Said', (text: string) => void client.received.push(text));
  connection.onclose(() => void client.events.push('closed'));
  connection.onreconnecting?.(() => void client.events.push('reconnecting'));
  connection.onreconnected?.(() => void client.events.push('reconnected'));
  await connection.start();
  return client;
}

const CLIENTS = GENERATIONS.filter(({ version }) => version === '8.0' || version === '10.0').flatMap(
  (generation) => [
    { ...generation, encoding: 'JSON', isBinary: false },
    { ...generation, encoding: 'MessagePack', isBinary: true },
  ],
);

describe.each(CLIENTS)('Microsoft’s client $version with $encoding', ({ isBinary, ...generation }) => {
  it('loses nothing in either direction when its connection is cut in a burst, five times', async () => {
    const [near, far] = [await hubServer(), await hubServer()];
    const proxy = await proxyTo(near);
    const client = await stateful(proxy.port, generation, { isBinary });
    await client.connection.invoke('Join', 'room');
    const gateway = near.app.get(HubGateway);
    const expected: string[] = [];
    const calls: Promise<unknown>[] = [];
    for (let round = 0; round < 5; round++) {
      for (let index = 0; index < 200; index++) {
        const text = `${round}.${index}`;
        expected.push(text);
        void far.broadcaster.gateway(HubGateway).group('room').emit('Said', text);
        calls.push(client.connection.invoke('Note', text));
        if (index === 100) proxy.cut();
        if (index % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await expect.poll(() => client.received.length).toBe(expected.length);
    }
    expect(await Promise.all(calls)).toEqual(expected);
    expect(client.received).toEqual(expected);
    expect(gateway.log).toEqual(expected);
    // Neither the client nor the gateway has noticed.
    expect([client.events, gateway.connected.length, gateway.disconnected]).toEqual([[], 1, []]);
  });

  it('replaces a connection that only the server takes for open', async () => {
    const server = await hubServer();
    const proxy = await proxyTo(server);
    const { connection, received, events } = await stateful(proxy.port, generation, { isBinary });
    const gateway = server.app.get(HubGateway);
    // What the server sends now gets stuck, and the client sees its connection end.
    proxy.blackhole({ fromRedis: true });
    await gateway.server.emit('Said', 'stuck');
    proxy.heal();
    proxy.cut();
    await gateway.server.emit('Said', 'later');
    await expect.poll(() => received).toEqual(['stuck', 'later']);
    expect(await connection.invoke('Echo', 1)).toBe(1);
    expect([events, gateway.disconnected]).toEqual([[], []]);
  });

  it('goes on with a stream', async () => {
    const server = await hubServer();
    const proxy = await proxyTo(server);
    const { connection } = await stateful(proxy.port, generation, { isBinary });
    const lines = itemsOf<string>(connection.stream('Lines', 3000));
    await new Promise((resolve) => setImmediate(resolve));
    proxy.cut();
    expect((await lines).at(-1)).toBe('line 3000');
    expect(await lines).toHaveLength(3000);
  });
});

describe('a session without its connection', () => {
  it('ends when its client does not come back in time', async () => {
    const server = await hubServer({ signalr: { statefulReconnect: 50 } });
    const gateway = server.app.get(HubGateway);
    const proxy = await proxyTo(server);
    const { connection } = await stateful(proxy.port);
    const { id } = await connection.invoke<{ id: string }>('Id');
    proxy.repoint(NOBODY);
    await expect.poll(() => gateway.disconnected).toEqual([id]);
    expect(server.broadcaster.gateway(HubGateway).local.count()).toMatchObject({ connections: 0 });
  });

  it('ends when too much waits for its client', async () => {
    const server = await hubServer({ limits: { bufferedBytes: 10_000 } });
    const gateway = server.app.get(HubGateway);
    const proxy = await proxyTo(server);
    await stateful(proxy.port);
    proxy.repoint(NOBODY);
    await socketLost(server);
    for (let count = 0; count < 20; count++) void gateway.server.emit('Said', 'x'.repeat(1000));
    await expect.poll(() => gateway.disconnected.length).toBe(1);
  });

  it('takes the place of a connection, which its client gets back', async () => {
    const server = await hubServer({ limits: { connections: 1 } });
    const proxy = await proxyTo(server);
    const { connection } = await stateful(proxy.port);
    proxy.cut();
    await expect.poll(() => connection.invoke('Echo', 1)).toBe(1);
    proxy.repoint(NOBODY);
    await socketLost(server);
    const { connectionToken } = await negotiated(server.port);
    expect(await upgrade(farm, server.port, `?id=${connectionToken}`)).toBe(503);
  });

  it('keeps its groups, and its place in lists', async () => {
    const server = await hubServer();
    const proxy = await proxyTo(server);
    const { connection } = await stateful(proxy.port);
    await connection.invoke('Join', 'room');
    proxy.repoint(NOBODY);
    await socketLost(server);
    expect(await server.broadcaster.gateway(HubGateway).group('room').count()).toMatchObject({
      connections: 1,
    });
  });

  it('does not delay the shutdown', async () => {
    const server = await hubServer();
    const proxy = await proxyTo(server);
    await stateful(proxy.port);
    proxy.repoint(NOBODY);
    await socketLost(server);
    const started = performance.now();
    await server.app.close();
    expect(performance.now() - started).toBeLessThan(4000);
  });

  it('is not resumed after it was closed', async () => {
    const server = await hubServer();
    const client = await RawHubClient.open(farm, server.port, { isStateful: true });
    expect(await upgrade(farm, server.port, `?id=${client.token}`)).toBe(101);
    await server.broadcaster.gateway(HubGateway).disconnect(4000, 'Banned');
    expect(await upgrade(farm, server.port, `?id=${client.token}`)).toBe(404);
  });

  it('is not resumed by another user', async () => {
    const server = await hubServer({ authenticate });
    const client = await RawHubClient.open(farm, server.port, { isStateful: true, userId: 'ada' });
    expect(await upgrade(farm, server.port, `?id=${client.token}&access_token=bob`)).toBe(404);
    expect(await upgrade(farm, server.port, `?id=${client.token}&access_token=ada`)).toBe(101);
  });
});

describe('a client that comes back to another server', () => {
  it('starts a new connection, as without stateful reconnect', async () => {
    const [one, other] = [await hubServer(), await hubServer()];
    const proxy = await proxyTo(one);
    const client = await stateful(proxy.port, LATEST, { reconnectDelays: [0, 50, 100, 500] });
    const before = client.connection.connectionId;
    proxy.repoint(other.port);
    await expect.poll(() => client.events).toEqual(['reconnecting', 'reconnected']);
    expect(client.connection.connectionId).not.toBe(before);
    expect(await client.connection.invoke('Echo', 1)).toBe(1);
  });
});

describe('the option statefulReconnect', () => {
  it('is offered only to clients that ask for it', async () => {
    const server = await hubServer();
    const asked = await negotiated(server.port, '?negotiateVersion=1&useStatefulReconnect=true');
    expect(asked).toMatchObject({ useStatefulReconnect: true });
    expect(await negotiated(server.port, '?negotiateVersion=1')).not.toHaveProperty('useStatefulReconnect');
  });

  it('may be turned off, and the client starts a new connection', async () => {
    const server = await hubServer({ signalr: { statefulReconnect: false } });
    const proxy = await proxyTo(server);
    const client = await stateful(proxy.port, LATEST, { reconnectDelays: [0, 50] });
    proxy.cut();
    await expect.poll(() => client.events).toEqual(['reconnecting', 'reconnected']);
  });
});

it('a client without stateful reconnect loses what is sent while it is away', async () => {
  const server = await hubServer();
  const proxy = await proxyTo(server);
  const connection = hubConnection(farm, LATEST, proxy.port, { reconnectDelays: [100, 100] });
  const received: string[] = [];
  connection.on('Said', (text: string) => void received.push(text));
  const reconnected = new Promise<void>((resolve) => connection.onreconnected?.(() => resolve()));
  await connection.start();
  proxy.cut();
  await expect.poll(() => server.app.get(HubGateway).disconnected.length).toBe(1);
  await server.broadcaster.gateway(HubGateway).emit('Said', 'lost');
  await reconnected;
  await server.broadcaster.gateway(HubGateway).emit('Said', 'here');
  await expect.poll(() => received).toEqual(['here']);
});
