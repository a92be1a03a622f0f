import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { ConnectedSocket, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { Arg, UploadStream } from '../../lib/adapter/handler-parameters.js';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import type { Admission } from '../../lib/options/authenticate.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import type { ChatServer } from '../support/chat-app.js';
import { clientThatIsAway, hubServer, invocation, onlyHubConnection } from '../support/hub-server.js';
import { negotiated, upgrade } from '../support/negotiation.js';
import { passedCode } from '../support/nest-release.js';
import { clientFrame, RawClient } from '../support/raw-client.js';
import { RawHubClient } from '../support/raw-hub-client.js';
import { GENERATIONS, startHub } from '../support/signalr-clients.js';
import { closed } from '../support/stubborn-client.js';
import { turn, useTestFarm } from '../support/test-farm.js';

@WebSocketGateway({ path: '/hub' })
class EndGateway {
  /** What the hooks and handlers have done, in order. */
  readonly log: unknown[] = [];
  /** What `handleDisconnect` got as the close codes. */
  readonly codes: unknown[] = [];
  onConnect: (client: BackplaneConnection) => unknown = () => undefined;
  onDisconnect: () => unknown = () => undefined;
  onSave: () => unknown = () => undefined;

  handleConnection(client: BackplaneConnection): unknown {
    this.log.push('connected');
    return this.onConnect(client);
  }

  async handleDisconnect(_client: BackplaneConnection, code: unknown): Promise<void> {
    this.codes.push(code);
    await this.onDisconnect();
    this.log.push('disconnected');
  }

  @SubscribeMessage('Join')
  join(@ConnectedSocket() client: BackplaneConnection, @Arg(0) group: string): Promise<void> {
    return client.join(group);
  }

  @SubscribeMessage('Save')
  async save(@Arg(0) number: number): Promise<number> {
    await this.onSave();
    await turn();
    this.log.push(number);
    return number;
  }

  @SubscribeMessage('Ignore')
  async ignore(@UploadStream() items: AsyncIterable<unknown>): Promise<void> {
    this.log.push(`ignores ${typeof items}`);
    await new Promise(() => undefined);
  }
}

const farm = useTestFarm();

async function start(
  options: RedisBackplaneOptions = {},
): Promise<{ server: ChatServer; gateway: EndGateway }> {
  const server = await hubServer(farm, options, EndGateway);
  return { server, gateway: server.app.get(EndGateway) };
}

function saves(count: number): object[] {
  return Array.from({ length: count }, (_, number) => invocation(String(number), 'Save', number));
}

function numbers(count: number): number[] {
  return [...Array(count).keys()];
}

describe('a client that is away', () => {
  it('has handleDisconnect called on shutdown, which waits for it', async () => {
    const { server, gateway } = await start();
    const other = await start();
    gateway.onDisconnect = async () => {
      for (let trip = 0; trip < 50; trip++) await negotiated(other.server.port);
    };
    await clientThatIsAway(farm, server);
    await server.app.close();
    expect(gateway.log).toEqual(['connected', 'disconnected']);
  });

  it.each<[string, (ended: { server: ChatServer; connection: BackplaneConnection }) => unknown]>([
    ['close()', ({ connection }) => connection.close(4000, 'Banned')],
    [
      'a command',
      ({ server, connection }) =>
        server.broadcaster.gateway('/hub').connection(connection.id).disconnect(4000, 'Banned'),
    ],
  ])('ends at once with the code of %s', async (_how, close) => {
    const { server, gateway } = await start();
    const { client, connection } = await clientThatIsAway(farm, server, {}, (online) => {
      online.send(invocation('1', 'Join', 'room'));
      return online.completion('1');
    });
    expect([...connection.groups]).toEqual(['room']);
    await close({ server, connection });
    expect([...connection.groups]).toEqual([]);
    expect([...server.broadcaster.gateway('/hub').localConnections]).toEqual([]);
    expect(await connection.emit('Said')).toMatchObject({ local: 0 });
    await expect.poll(() => gateway.codes).toEqual([passedCode(4000)]);
    expect(await upgrade(farm, server.port, `?id=${client.token}`)).toBe(404);
  });

  it.each(['close', 'terminate'] as const)('ends at once when the app calls socket.%s()', async (method) => {
    const { server, gateway } = await start();
    const { connection } = await clientThatIsAway(farm, server);
    connection.socket[method]();
    await expect.poll(() => gateway.log).toEqual(['connected', 'disconnected']);
    expect(server.backplane.counters.connections).toBe(0);
  });
});

describe('calls before the client says goodbye', () => {
  it.each(GENERATIONS.filter(({ version }) => version === '7.0' || version === '10.0'))(
    'are handled if Microsoft’s client $version calls stop() after them',
    async (generation) => {
      const { server, gateway } = await start({ parallelInvocations: 1 });
      const connection = await startHub(farm, generation, server.port);
      for (const number of numbers(20)) void connection.send('Save', number);
      await connection.stop();
      await expect.poll(() => gateway.log.filter(Number.isInteger)).toEqual(numbers(20));
    },
  );

  it('are handled if they come in one frame with the close message', async () => {
    const { server, gateway } = await start({ parallelInvocations: 1 });
    const client = await RawHubClient.open(farm, server.port);
    client.send(...saves(20), { type: 7 });
    await client.until(({ closeCode }) => closeCode !== undefined);
    expect(client.closeCode).toBe(1000);
    await expect.poll(() => gateway.log.filter(Number.isInteger)).toEqual(numbers(20));
  });
});

describe.each([
  ['with', 2],
  ['without', 1],
])('a handshake %s stateful reconnect that arrives during the shutdown', (_how, version) => {
  it('creates no session', async () => {
    const { server, gateway } = await start();
    const { connectionToken = '' } = await negotiated(server.port);
    const http = server.app.getHttpServer() as Server;
    const accepted = once(http, 'connection') as Promise<[Socket]>;
    const client = await RawClient.ask(server, `/hub?id=${connectionToken}`);
    farm.onEnd(() => client.socket.destroy());
    const [socket] = await accepted;
    await client.until('101 Switching Protocols');
    const closing = server.app.close();
    await closed(client, 1001);
    client.write(clientFrame(`${JSON.stringify({ protocol: 'json', version })}\u001e`));
    await expect.poll(() => socket.bytesRead).toBe(client.socket.bytesWritten);
    await turn();
    expect(await server.broadcaster.gateway('/hub').local.emit('Said')).toMatchObject({ local: 0 });
    client.socket.end();
    await closing;
    expect(gateway.log).toEqual([]);
    expect(server.backplane.counters.connections).toBe(0);
    expect(server.broadcaster.gateway('/hub').local.count()).toMatchObject({ connections: 0 });
  });
});

describe('a client that sends too much', () => {
  it('cannot resume its session if its socket is lost in the same turn', async () => {
    const { server, gateway } = await start({ parallelInvocations: 1, limits: { pendingMessages: 10 } });
    const http = server.app.getHttpServer() as Server;
    const sockets: Socket[] = [];
    http.on('connection', (socket: Socket) => sockets.push(socket));
    const client = await RawHubClient.open(farm, server.port, { isStateful: true });
    gateway.onSave = () => sockets.at(-1)?.destroy(new Error('reset'));
    client.send(...saves(50));
    await client.until(({ closeCode }) => closeCode !== undefined);
    await expect.poll(() => gateway.codes).toHaveLength(1);
    expect(await upgrade(farm, server.port, `?id=${client.token}`)).toBe(404);
  });

  it('at once may come back, because its messages may have waited for a slow server', async () => {
    const { server } = await start({ parallelInvocations: 1, limits: { pendingMessages: 10 } });
    const client = await RawHubClient.open(farm, server.port);
    client.send(...saves(50));
    await client.until(({ closeCode }) => closeCode !== undefined);
    expect(client.frames.at(-1)).toEqual({
      type: 7,
      error: 'Too many messages are pending',
      allowReconnect: true,
    });
  });

  it('per second may not come back', async () => {
    const { server } = await start({ limits: { messagesPerSecond: 10 } });
    const client = await RawHubClient.open(farm, server.port);
    client.send(...saves(50));
    await client.until(({ closeCode }) => closeCode !== undefined);
    expect(client.frames.at(-1)).toEqual({ type: 7, error: 'Too many messages per second' });
  });
});

it('close() of a client whose upload is full does not wait for the upload', async () => {
  const { server, gateway } = await start();
  const client = await RawHubClient.open(farm, server.port);
  client.send({ ...invocation('1', 'Ignore'), streamIds: ['s'] });
  await expect.poll(() => gateway.log).toContain('ignores object');
  for (const item of numbers(20)) client.send({ type: 2, invocationId: 's', item });
  const connection = onlyHubConnection(server);
  await expect.poll(() => connection.socket.isPaused).toBe(true);
  const started = performance.now();
  connection.close(4000);
  await expect.poll(() => gateway.codes, { interval: 10 }).toEqual([passedCode(4000)]);
  // `ws` terminates the socket after two seconds.
  expect(performance.now() - started).toBeLessThan(1000);
});

describe('after a resume, a connection expires', () => {
  it('at the date for which the app called renew(), if the new admission has no date', async () => {
    const { server, gateway } = await start();
    const expiresAt = new Date(Date.now() + 2000);
    gateway.onConnect = (connection) => connection.renew(expiresAt);
    const { client } = await clientThatIsAway(farm, server);
    const again = await RawHubClient.withToken(farm, server.port, client.token);
    await expect.poll(() => again.closeCode).toBe(1008);
    // Not much earlier. A timer may fire a millisecond too early.
    expect(Date.now()).toBeGreaterThan(expiresAt.getTime() - 100);
  });

  it('at the date of the new admission, if it has one', async () => {
    let admission: Admission = {};
    const { server, gateway } = await start({ authenticate: () => admission });
    const renewed = Date.now() + 3_600_000;
    gateway.onConnect = (connection) => connection.renew(new Date(renewed));
    const { client } = await clientThatIsAway(farm, server);
    admission = { expiresAt: new Date(Date.now() + 500) };
    const again = await RawHubClient.withToken(farm, server.port, client.token);
    await expect.poll(() => again.closeCode).toBe(1008);
  });
});
