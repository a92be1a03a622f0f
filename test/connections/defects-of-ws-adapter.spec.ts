import { once } from 'node:events';
import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { decode, encode } from '@msgpack/msgpack';
import { ConnectedSocket, SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { WebSocket, WebSocketServer as WsServer } from 'ws';
import { describe, expect, it } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { type Running, startOurs, startPlain } from '../support/adapters.js';
import { useTestFarm } from '../support/test-farm.js';
import { WsClient } from '../support/ws-client.js';
import { Ack, HAS_ACK } from '../support/nest-release.js';

// Each defect has two tests with the same gateway: plain WsAdapter has the defect, our adapter does not. If the first test
// of a pair fails, a release of @nestjs/platform-ws has fixed the defect.

const SLOW_MS = 50;

@WebSocketGateway({ path: '/chat' })
class OrdinaryGateway {
  @WebSocketServer() private readonly server!: { emit(event: string, data: unknown): unknown };
  private readonly users = new WeakMap<object, string>();
  readonly authenticated = new Deferred();

  async handleConnection(client: object): Promise<void> {
    await this.authenticated.promise;
    this.users.set(client, 'Ada');
  }

  @SubscribeMessage('who')
  who(@ConnectedSocket() client: object) {
    return { event: 'who', data: this.users.get(client) ?? 'nobody' };
  }

  @SubscribeMessage('slow')
  async slow() {
    await delay(SLOW_MS);
    return { event: 'slow' };
  }

  @SubscribeMessage('quick')
  quick() {
    return { event: 'quick' };
  }

  @SubscribeMessage('bytes')
  bytes() {
    return { event: 'bytes', data: Buffer.from([1, 2, 255]) };
  }

  @SubscribeMessage('ack')
  ack(@Ack() ack?: (result: unknown) => void) {
    ack?.('acknowledged');
    return { event: 'ack is', data: typeof ack };
  }

  @SubscribeMessage('shout')
  shout(): void {
    this.server.emit('shouted', 'to all');
  }
}

const farm = useTestFarm();

const gatewayOf = ({ app }: Running): OrdinaryGateway => app.get(OrdinaryGateway);

async function plain(isAuthenticated = true): Promise<Running> {
  const server = await startPlain(farm, OrdinaryGateway);
  if (isAuthenticated) gatewayOf(server).authenticated.resolve();
  return server;
}

async function ours(options: RedisBackplaneOptions = {}, isAuthenticated = true): Promise<Running> {
  const server = await startOurs(farm, options, OrdinaryGateway);
  if (isAuthenticated) gatewayOf(server).authenticated.resolve();
  return server;
}

/** The events that the client has received once the server has handled everything that it sent before. */
async function eventsOf(client: WsClient): Promise<unknown[]> {
  client.send('quick');
  await client.next('quick');
  return client.received.map(({ event }) => event);
}

describe.each([
  ['is not JSON', '{"event":'],
  ['has an unknown event', '{"event":"nope"}'],
])('a message that %s', (_name, message) => {
  it('is silently dropped by WsAdapter', async () => {
    const client = await farm.client(await plain());
    client.sendRaw(message);
    expect(await eventsOf(client)).toEqual(['quick']);
  });

  it('is answered with an `exception` event by our adapter', async () => {
    const client = await farm.client(await ours());
    client.sendRaw(message);
    expect(await eventsOf(client)).toEqual(['exception', 'quick']);
  });
});

describe('an upgrade for another WebSocket server on the same HTTP server', () => {
  function addOther({ app }: Running): void {
    const other = new WsServer({ noServer: true });
    farm.onEnd(() => other.close());
    (app.getHttpServer() as Server).on('upgrade', (request, socket, head) => {
      if (request.url !== '/other') return;
      other.handleUpgrade(request, socket, head, (webSocket) => webSocket.send('{"event":"hello"}'));
    });
  }

  it('is destroyed by WsAdapter', async () => {
    const server = await plain();
    addOther(server);
    await expect(farm.client(server, '/other')).rejects.toThrow(/socket hang up|ECONNRESET/);
  });

  it('is left alone by our adapter', async () => {
    const server = await ours();
    addOther(server);
    await (await farm.client(server, '/other')).next('hello');
  });
});

describe('when the app closes', () => {
  it('clients of WsAdapter see 1006 (abnormal closure)', async () => {
    const server = await plain();
    const client = await farm.client(server);
    await server.app.close();
    expect(await client.closed).toMatchObject({ code: 1006 });
  });

  it('clients of our adapter see 1001 (going away)', async () => {
    const server = await ours();
    const client = await farm.client(server);
    await server.app.close();
    expect(await client.closed).toMatchObject({ code: 1001 });
  });
});

describe('a message that arrives while handleConnection still identifies the client', () => {
  it('is handled too early by WsAdapter, so its sender is unknown', async () => {
    const server = await plain(false);
    const client = await farm.client(server);
    client.send('who');
    expect(await client.next('who')).toEqual({ event: 'who', data: 'nobody' });
  });

  it('is handled afterwards by our adapter', async () => {
    const server = await ours({}, false);
    const client = await farm.client(server);
    client.send('who');
    // Takes long enough for the server to handle the message if it did not hold it back.
    await (await farm.client(await ours())).close();
    expect(client.received).toEqual([]);
    gatewayOf(server).authenticated.resolve();
    expect(await client.next('who')).toEqual({ event: 'who', data: 'Ada' });
  });
});

describe('the replies of a slow handler and then a quick one', () => {
  it('arrive out of order on WsAdapter, which has no option to change that', async () => {
    const client = await farm.client(await plain());
    client.send('slow');
    client.send('quick');
    await client.next('slow');
    expect(client.received.map(({ event }) => event)).toEqual(['quick', 'slow']);
  });

  it('arrive in order on our adapter with parallelInvocations: 1', async () => {
    const client = await farm.client(await ours({ parallelInvocations: 1 }));
    client.send('slow');
    client.send('quick');
    await client.next('quick');
    expect(client.received.map(({ event }) => event)).toEqual(['slow', 'quick']);
  });
});

describe('a Buffer that a handler returns', () => {
  it('arrives as a JSON list of numbers on WsAdapter', async () => {
    const client = await farm.client(await plain());
    client.send('bytes');
    expect((await client.next('bytes')).data).toEqual({ type: 'Buffer', data: [1, 2, 255] });
  });

  it('arrives as bytes at a MessagePack client on our adapter', async () => {
    const { port } = await ours({ protocols: ['json', 'msgpack'] });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`, 'backplane.msgpack.v1');
    farm.onEnd(() => socket.terminate());
    await once(socket, 'open');
    socket.send(encode({ event: 'bytes' }));
    const [frame] = (await once(socket, 'message')) as [Buffer];
    expect(decode(frame)).toEqual({ event: 'bytes', data: Buffer.from([1, 2, 255]) });
  });
});

describe.runIf(HAS_ACK)('@Ack()', () => {
  it('is undefined on WsAdapter', async () => {
    const client = await farm.client(await plain());
    client.send('ack', undefined, 7);
    expect(await client.next()).toEqual({ event: 'ack is', data: 'undefined' });
  });

  it('replies to the frame on our adapter', async () => {
    const client = await farm.client(await ours());
    client.send('ack', undefined, 7);
    expect(await client.next()).toEqual({ id: 7, data: 'acknowledged' });
  });
});

describe('server.emit in a gateway', () => {
  it('reaches no client on WsAdapter, without an error', async () => {
    const server = await plain();
    const [client, other] = [await farm.client(server), await farm.client(server)];
    client.send('shout');
    expect(await eventsOf(client)).toEqual(['quick']);
    expect(await eventsOf(other)).toEqual(['quick']);
  });

  it('reaches every client on our adapter', async () => {
    const server = await ours();
    const [client, other] = [await farm.client(server), await farm.client(server)];
    client.send('shout');
    for (const { data } of await Promise.all([client.next('shouted'), other.next('shouted')]))
      expect(data).toBe('to all');
  });
});
