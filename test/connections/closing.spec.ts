import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it, vi } from 'vitest';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Deferred } from '../../lib/bus/deferred.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { ConnectionClosedError, ConnectionNotFoundError } from '../../lib/routing/request.errors.js';
import { rejection, useRedis } from '../support/acceptance.js';
import { startServerProcess } from '../servers/server-process.js';
import type { ChatServer } from '../support/chat-app.js';
import { compiledServer } from '../support/compiled-server.js';
import { eventually } from '../support/observe.js';
import { clientFrame, closeFrame, eventFrame, RawClient } from '../support/raw-client.js';
import { RedisInspector } from '../support/redis-inspector.js';
import { delivered, idOf, onlyConnection, turn, useTestFarm } from '../support/test-farm.js';

const HOUR_MS = 3_600_000;
const SHORT_MS = 50;

@WebSocketGateway({ path: '/chat' })
class ClosingGateway {
  readonly handled: unknown[] = [];
  readonly disconnects: number[] = [];
  readonly groupsAtDisconnect: string[][] = [];
  /** What the first connection's hook does. */
  onConnection: () => unknown = () => undefined;
  /** Handlers of `wait` end with it. */
  readonly release = new Deferred();

  handleConnection(): unknown {
    return this.onConnection();
  }

  handleDisconnect(client: BackplaneConnection, code: number): void {
    this.disconnects.push(code);
    this.groupsAtDisconnect.push([...client.groups]);
  }

  @SubscribeMessage('id')
  id(@ConnectedSocket() client: BackplaneConnection) {
    return { event: 'id', data: client.id };
  }

  @SubscribeMessage('note')
  note(@MessageBody() data: unknown) {
    this.handled.push(data);
    return { event: 'noted', data };
  }

  @SubscribeMessage('wait')
  async wait(@MessageBody() data: unknown) {
    this.handled.push(data);
    await this.release.promise;
    return { event: 'waited', data };
  }
}

const farm = useTestFarm();
const redis = useRedis();

const start = (options: RedisBackplaneOptions = {}): Promise<ChatServer> =>
  farm.server({ ...farm.options(), ...options }, {}, ClosingGateway);

/** A client that answers no close frame, so that `ws` keeps its socket for two seconds. */
interface Stubborn {
  readonly server: ChatServer;
  readonly gateway: ClosingGateway;
  readonly client: RawClient;
  readonly connection: BackplaneConnection;
}

async function stubborn(server: ChatServer): Promise<Stubborn> {
  const client = await RawClient.ask(server, '/chat?user=u');
  farm.onEnd(() => client.socket.destroy());
  await client.until('\r\n\r\n');
  const gateway = server.app.get(ClosingGateway);
  return { server, gateway, client, connection: onlyConnection(server) };
}

/** Resolves when the client has the server's close frame with this code. */
function closed(client: RawClient, code: number): Promise<void> {
  const bytes = String.fromCharCode(code >> 8, code & 0xff);
  return eventually(() => {
    const at = client.received.lastIndexOf(bytes);
    expect(at).toBeGreaterThan(1);
    expect(client.received[at - 2]).toBe('\x88');
  });
}

/** That nobody reaches the connection, while its socket is still there. */
async function expectNobody({ server, connection }: Stubborn): Promise<void> {
  const { broadcaster } = server;
  const own = broadcaster.gateway('/chat');
  expect([...own.localConnections]).toEqual([]);
  expect([...connection.groups]).toEqual([]);
  const nobody = { local: 0, backplane: 'notNeeded' };
  expect(await own.local.emit('late')).toEqual(nobody);
  expect(await own.local.group('g').emit('late')).toEqual(nobody);
  expect(await own.local.user('u').emit('late')).toEqual(nobody);
  expect(await own.connection(connection.id).emit('late')).toEqual(nobody);
  expect(await connection.emit('late')).toEqual(nobody);
  expect(await connection.emit('exception', 'late')).toEqual(nobody);
  await rejection(connection.join('late'), ConnectionClosedError);
  await connection.leave('g');
  await rejection(connection.invoke('late'), ConnectionNotFoundError);
  const target = own.connection(connection.id);
  await rejection(target.join('late'), ConnectionNotFoundError);
  await rejection(target.leave('g'), ConnectionNotFoundError);
  await rejection(target.disconnect(), ConnectionNotFoundError);
  connection.close(4999);
}

/** That what the client sends now reaches nobody, and that it gets nothing. */
async function expectDeaf({ server, gateway, client }: Stubborn, handled: unknown[] = []): Promise<void> {
  for (let index = 0; index < 100; index++) client.write(eventFrame('note', `late ${index}`));
  const received = client.received.length;
  // The socket of `ws` reads in order: with the answer to the close frame it is gone.
  client.write(closeFrame());
  await client.closed;
  await eventually(() => expect(gateway.disconnects).toHaveLength(1));
  expect(gateway.handled).toEqual(handled);
  expect(client.received).toHaveLength(received);
  expect(client.received).not.toContain('late');
  expect(server.backplane.counters.connections).toBe(0);
}

const admission = { authenticate: () => ({ userId: 'u' }) };

type Close = (stub: Stubborn) => unknown;
const closings: [name: string, code: number, close: Close, options?: RedisBackplaneOptions][] = [
  ['client.close()', 4001, ({ connection }) => connection.close(4001)],
  ['close() of the raw socket', 4002, ({ connection }) => connection.socket.close(4002)],
  [
    'a disconnect command',
    4003,
    ({ server, connection }) => server.broadcaster.connection(connection.id).disconnect(4003),
  ],
  ['a disconnect of its group', 4004, ({ server }) => server.broadcaster.group('g').disconnect(4004)],
  ['its expiry', 1008, ({ connection }) => connection.renew(new Date())],
  [
    'a limit',
    1008,
    ({ client }) => client.write(Buffer.concat(Array.from({ length: 20 }, () => eventFrame('nope')))),
    { limits: { messagesPerSecond: 10 } },
  ],
  ['a frame that breaks the protocol', 1002, ({ client }) => client.write(Buffer.from([0xf1, 0x80]))],
  [
    'a message that is too large',
    1009,
    ({ client }) => client.write(clientFrame('x'.repeat(2000))),
    { limits: { payloadBytes: 1000 } },
  ],
];

describe('once the server closes a connection', () => {
  it.each(closings)('by %s (%i), it is nobody, at once', async (_name, code, close, options) => {
    const stub = await stubborn(await start({ ...admission, ...options }));
    await stub.connection.join('g');
    await stub.server.broadcaster.emit('before');

    await close(stub);
    await closed(stub.client, code);

    expect(stub.client.received).toContain('before');
    const { socket } = stub.connection;
    // `ws` waits for no answer of a client that breaks the protocol.
    const waits = code !== 1002 && code !== 1009;
    if (waits) expect(socket.readyState).toBe(socket.CLOSING);
    await expectNobody(stub);
    if (!waits) return;
    expect(stub.gateway.disconnects).toEqual([]);
    await expectDeaf(stub);
    expect(stub.gateway.groupsAtDisconnect).toEqual([[]]);
  });

  it('because it is too slow, it is nobody, at once', async () => {
    const stub = await stubborn(await start({ ...admission, limits: { bufferedBytes: 10_000 } }));
    await stub.connection.join('g');
    const emits = [1, 2, 3].map(() => stub.connection.emit('text', 'x'.repeat(9000)));

    // Nothing is closed in the middle of a delivery.
    expect((await Promise.all(emits)).map(({ local }) => local)).toEqual([1, 1, 1]);
    await closed(stub.client, 1013);

    expect(stub.server.backplane.counters.tooSlow).toBe(1);
    await expectNobody(stub);
    await expectDeaf(stub);
    expect(stub.server.backplane.counters.tooSlow).toBe(1);
  });

  it('because handleConnection fails, it is nobody, at once', async () => {
    const server = await start(admission);
    const gateway = server.app.get(ClosingGateway);
    const failed = new Deferred();
    gateway.onConnection = () => failed.promise;
    const stub = await stubborn(server);
    stub.client.write(eventFrame('note', 'early'));
    await stub.connection.join('g');

    failed.reject(new Error('no'));
    await closed(stub.client, 1011);

    await expectNobody(stub);
    await expectDeaf(stub);
  });

  it('from another server, it is nobody on either', async () => {
    const options = { ...farm.options(redis.url), ...admission };
    const near = await farm.server(options, {}, ClosingGateway);
    const stub = await stubborn(await farm.server(options, {}, ClosingGateway));
    const target = near.broadcaster.connection(stub.connection.id);
    await target.join('g');

    await target.disconnect(4005);
    await closed(stub.client, 4005);

    await expectNobody({ ...stub });
    await rejection(target.disconnect(), ConnectionNotFoundError);
    await rejection(target.invoke('late'), ConnectionNotFoundError);
    expect(await near.broadcaster.group('g').invokeAll('late')).toMatchObject({ responses: [] });
    await expectDeaf(stub);
  });

  it('what waits for a handler is dropped, and so is the reply of the one that runs', async () => {
    const stub = await stubborn(await start({ ...admission, parallelInvocations: 1 }));
    for (let index = 0; index < 10; index++) stub.client.write(eventFrame('wait', index));
    await eventually(() => expect(stub.gateway.handled).toEqual([0]));

    stub.connection.close(4001);
    stub.gateway.release.resolve();
    await closed(stub.client, 4001);

    await expectDeaf(stub, [0]);
  });

  it('the rest of the packet that made it do so is dropped', async () => {
    const stub = await stubborn(await start({ limits: { messagesPerSecond: 5 } }));
    stub.client.write(Buffer.concat(Array.from({ length: 50 }, (_, index) => eventFrame('note', index))));
    await closed(stub.client, 1008);
    expect(stub.gateway.handled).toEqual([0, 1, 2, 3, 4]);
    expect(stub.server.backplane.counters.tooMany).toBe(1);
  });

  it.each(['here', 'elsewhere'])(
    'who waits for its reply %s is told at once, and its reply ignored',
    async (where) => {
      const options = farm.options(redis.url);
      const near = await farm.server(options, {}, ClosingGateway);
      const stub = await stubborn(await farm.server(options, {}, ClosingGateway));
      const asking = where === 'here' ? stub.server : near;
      const asked = rejection(
        asking.broadcaster.connection(stub.connection.id).invoke('q', 1, { timeout: HOUR_MS }),
        ConnectionClosedError,
      );
      await stub.client.until('"event":"q"');
      const [, id] = /"id":"([^"]+)"/.exec(stub.client.received) ?? [];

      stub.connection.close(4001);

      const error = await asked;
      expect(error.message).toBe(`The connection ${stub.connection.id} is closed.`);
      expect(stub.connection.socket.readyState).toBe(stub.connection.socket.CLOSING);
      stub.client.write(clientFrame(JSON.stringify({ id, data: 'late' })));
      await closed(stub.client, 4001);
      await expectDeaf(stub);
    },
  );

  it('its channels are let go of, though its socket is still there', async () => {
    const inspector = farm.ending(new RedisInspector(redis.url));
    const options = { ...farm.options(redis.url), ...admission };
    const server = await farm.server(options, {}, ClosingGateway);
    // A client that keeps its socket as long as it can: longer than channels linger.
    const stub = await stubborn(server);
    await stub.connection.join('g');
    const { connection } = stub;
    connection.close(4001);
    const names = async (): Promise<string[]> =>
      (await inspector.channels(options.channelPrefix ?? '')).filter((name) => name.includes('/chat'));
    await expect.poll(names).toEqual([]);
    expect(connection.socket.readyState).toBe(connection.socket.CLOSING);
  });

  it('closing it again, in any way, changes nothing', async () => {
    const stub = await stubborn(await start(admission));
    stub.connection.close(4001);
    stub.connection.close(4002);
    stub.connection.socket.close(4003);
    stub.connection.renew(new Date(0));
    stub.connection.renew(new Date(Date.now() + HOUR_MS));
    await closed(stub.client, 4001);
    await expectDeaf(stub);
    expect(stub.gateway.disconnects).toEqual([1000]);
  });

  it('closing all in a loop over them closes all', async () => {
    const server = await start();
    const clients = await Promise.all(Array.from({ length: 20 }, () => farm.client(server)));
    for (const connection of server.broadcaster.localConnections) connection.close(4001);
    expect([...server.broadcaster.localConnections]).toEqual([]);
    for (const client of clients) expect(await client.closed).toMatchObject({ code: 4001 });
  });

  it('terminate() of the raw socket makes it nobody, too', async () => {
    const stub = await stubborn(await start(admission));
    await stub.connection.join('g');
    stub.connection.socket.terminate();
    await expectNobody(stub);
  });
});

describe('a join', () => {
  it('that waits for Redis when its connection closes does not resolve', async () => {
    const server = await farm.server(farm.options(redis.url), {}, ClosingGateway);
    const { connection } = await stubborn(server);
    const joining = rejection(connection.join('g'), ConnectionClosedError);
    connection.close();
    await joining;
    expect(connection.groups.size).toBe(0);
  });

  it.each(['reject', 'local'] as const)(
    'does not resolve either with the outage policy %s',
    async (outage) => {
      const server = await farm.server({ ...farm.options(redis.url), outage }, {}, ClosingGateway);
      const { connection } = await stubborn(server);
      const joining = rejection(connection.join('g'), ConnectionClosedError);
      connection.socket.terminate();
      await joining;
    },
  );

  it('of a group by a command does not fail because one of its members leaves meanwhile', async () => {
    const server = await farm.server(farm.options(redis.url), {}, ClosingGateway);
    const { connection } = await stubborn(server);
    const staying = await farm.client(server);
    const id = await idOf(staying);
    const joining = server.broadcaster.local.join('g');
    connection.close();
    await joining;
    await server.broadcaster.local.group('g').emit('hi');
    await staying.next('hi');
    expect(id).not.toBe(connection.id);
  });

  it('that nobody awaits is no unhandled rejection when its client leaves', async () => {
    const server = await farm.server(farm.options(redis.url), {}, ClosingGateway);
    const { connection } = await stubborn(server);
    const escaped = farm.escapes();
    void connection.join('g');
    connection.close();
    void connection.join('h');
    await rejection(connection.join('i'), ConnectionClosedError);
    await turn();
    expect(escaped).toEqual([]);
  });
});

describe('once the client closes a connection', () => {
  it.each([
    ['a close frame', ({ client }: Stubborn) => client.write(closeFrame(4000))],
    // Its pings are answered until then: see pings.spec.ts.
    ['the end of its TCP connection', ({ client }: Stubborn) => client.socket.end()],
  ])('with %s, it is nobody, though its socket is still there', async (_name, close) => {
    const server = await start(admission);
    const stub = await stubborn(server);
    await stub.connection.join('g');
    const { socket } = stub.connection;
    // What it does not read keeps the socket open.
    stub.client.socket.pause();
    while (socket.bufferedAmount === 0) {
      await stub.connection.emit('text', 'x'.repeat(100_000));
      await turn();
    }

    close(stub);
    await eventually(() => expect(socket.readyState).toBe(socket.CLOSING));

    await expectNobody(stub);
    // ... and not for ever.
    await eventually(() => expect(stub.gateway.disconnects).toHaveLength(1));
    expect(server.backplane.counters.connections).toBe(0);
  });

  it.each([
    ['a close frame', closeFrame(4000)],
    ['the end of its TCP connection', Buffer.alloc(0)],
  ])('with %s, what it has sent before is handled to the end', async (_name, goodbye) => {
    const stub = await stubborn(await start({ parallelInvocations: 1 }));
    const waits = [0, 1, 2].map((index) => eventFrame('wait', index));
    stub.client.socket.end(Buffer.concat([...waits, eventFrame('note', 3), goodbye]));
    await eventually(() => expect(stub.gateway.disconnects).toHaveLength(1));
    expect(stub.gateway.handled).toEqual([0]);
    stub.gateway.release.resolve();
    await eventually(() => expect(stub.gateway.handled).toEqual([0, 1, 2, 3]));
  });

  it('and the server then closes it, too, what waits for a handler is dropped', async () => {
    const stub = await stubborn(await start({ parallelInvocations: 1 }));
    const waits = [0, 1, 2].map((index) => eventFrame('wait', index));
    const { socket } = stub.connection;
    stub.client.write(Buffer.concat([...waits, closeFrame(4000)]));
    await eventually(() => expect(socket.readyState).not.toBe(socket.OPEN));
    stub.connection.close(4001);
    stub.gateway.release.resolve();
    await turn();
    await turn();
    expect(stub.gateway.handled).toEqual([0]);
  });
});

describe('no timer is left of a connection that is closed', () => {
  it.each<[name: string, Close]>([
    ['renewed before', ({ connection }) => connection.renew(new Date(Date.now() + HOUR_MS))],
    ['renewed afterwards', () => undefined],
    ['renewed beyond the reach of a timer', ({ connection }) => connection.renew(new Date(8e15))],
  ])('%s', async (_name, prepare) => {
    const stub = await stubborn(await start({ heartbeat: false }));
    prepare(stub);
    stub.connection.close();
    stub.client.write(closeFrame());
    await stub.client.closed;
    await eventually(() => expect(stub.gateway.disconnects).toHaveLength(1));
    const timers = vi.spyOn(globalThis, 'setTimeout');
    farm.onEnd(() => timers.mockRestore());

    stub.connection.renew(new Date(Date.now() + HOUR_MS));
    stub.connection.renew(new Date(8e15));

    expect(timers).not.toHaveBeenCalled();
    expect(expiryOf(stub)).toSatisfy((timer) => timer === undefined || isCleared(timer as NodeJS.Timeout));
  });

  it('so a process ends by itself whose clients were renewed when they had gone', async () => {
    const server = await startServerProcess(compiledServer('renewing-server'));
    farm.onEnd(() => server.child.kill('SIGKILL'));
    const [leaving, staying] = [await farm.client(server), await farm.client(server)];
    await leaving.close();

    server.child.send('close');

    expect(await staying.closed).toMatchObject({ code: 1001 });
    expect(await server.exited).toEqual([0, null]);
  });

  it('by its expiry, which it is renewed after', async () => {
    const stub = await stubborn(await start());
    stub.connection.renew(new Date(Date.now() + SHORT_MS));
    await closed(stub.client, 1008);
    stub.connection.renew(null);
    stub.connection.renew(new Date(Date.now() + SHORT_MS));
    await expectDeaf(stub);
  });
});

function expiryOf({ connection }: Stubborn): NodeJS.Timeout | undefined {
  return (connection as unknown as { expiry: NodeJS.Timeout | undefined }).expiry;
}

/** What Node marks a timer with that will not run. */
function isCleared(timer: NodeJS.Timeout): boolean {
  return (timer as unknown as { _destroyed: boolean })._destroyed;
}

it('a broadcast to all, and delivery after a close, reach those who stay', async () => {
  const server = await start();
  const [leaving, staying] = [await farm.client(server), await farm.client(server)];
  const id = await idOf(leaving);
  await server.broadcaster.connection(id).disconnect(4001);
  expect(await server.broadcaster.local.emit('all')).toEqual({ local: 1, backplane: 'notNeeded' });
  await delivered(server, staying);
  expect(leaving.dataOf('all')).toEqual([]);
});
