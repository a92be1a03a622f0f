import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import type { WebSocket } from 'ws';
import { describe, expect, it } from 'vitest';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { type Running, startOurs, startPlain } from '../support/adapters.js';
import { eventually } from '../support/observe.js';
import { eventFrame, RawClient } from '../support/raw-client.js';
import { useTestFarm } from '../support/test-farm.js';

// Complements defects-of-ws-adapter.spec.ts: features that WsAdapter lacks, each with two tests of the same gateway.

const MB = 1024 * 1024;
const PING = '\x89\x00';

@WebSocketGateway({ path: '/chat' })
class SpeakingGateway {
  readonly clients: (WebSocket | BackplaneConnection)[] = [];

  handleConnection(client: WebSocket | BackplaneConnection): void {
    this.clients.push(client);
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return { event: 'echo', data };
  }

  @SubscribeMessage('id')
  id(@ConnectedSocket() client: { readonly id?: string }) {
    return { event: 'id', data: typeof client.id };
  }

  @SubscribeMessage('large')
  large() {
    return { event: 'large', data: 'x'.repeat(MB) };
  }
}

@WebSocketGateway({ path: '/chat' })
class SecondGateway {
  @SubscribeMessage('echo')
  echo() {
    return { event: 'echo', data: 'of the second gateway' };
  }
}

const farm = useTestFarm();

/** The server's sockets. */
function sockets({ app }: Running): WebSocket[] {
  return app.get(SpeakingGateway).clients.map((client) => ('socket' in client ? client.socket : client));
}

async function openRaw(server: Running): Promise<RawClient> {
  const client = await RawClient.ask(server, '/chat');
  farm.onEnd(() => client.socket.destroy());
  await client.until('\r\n\r\n');
  return client;
}

describe('a client that sends a request with an id', () => {
  it('cannot match the reply to its request on WsAdapter', async () => {
    const client = await farm.client(await startPlain(farm, SpeakingGateway));
    client.send('echo', 'hi', 7);
    expect(await client.next()).toEqual({ event: 'echo', data: 'hi' });
  });

  it('can match the reply to its request on our adapter', async () => {
    const client = await farm.client(await startOurs(farm, {}, SpeakingGateway));
    client.send('echo', 'hi', 7);
    expect(await client.next()).toEqual({ id: 7, data: 'hi' });
  });
});

describe('an event that two gateways of one path handle', () => {
  it('is answered twice by WsAdapter', async () => {
    const client = await farm.client(await startPlain(farm, SpeakingGateway, SecondGateway));
    client.send('echo', 'hi');
    await client.count('echo', 2);
    expect(client.dataOf('echo').sort()).toEqual(['hi', 'of the second gateway']);
  });

  it('is answered once by our adapter', async () => {
    const client = await farm.client(await startOurs(farm, {}, SpeakingGateway, SecondGateway));
    client.send('echo', 'hi');
    client.send('id');
    await client.next('id');
    expect(client.dataOf('echo')).toHaveLength(1);
  });
});

describe('a handler', () => {
  it('gets a client without an id from WsAdapter', async () => {
    const client = await farm.client(await startPlain(farm, SpeakingGateway));
    client.send('id');
    expect((await client.next('id')).data).toBe('undefined');
  });

  it('gets a client with an id from our adapter', async () => {
    const client = await farm.client(await startOurs(farm, {}, SpeakingGateway));
    client.send('id');
    expect((await client.next('id')).data).toBe('string');
  });
});

describe('a client that vanished without closing', () => {
  it('stays connected on WsAdapter and is cut off by our adapter', async () => {
    const [plain, ours] = [
      await startPlain(farm, SpeakingGateway),
      await startOurs(farm, { heartbeat: { interval: 200, timeout: 200 } }, SpeakingGateway),
    ];
    const [kept, cut] = [await openRaw(plain), await openRaw(ours)];

    await cut.closed;

    expect(cut.received).toContain(PING);
    expect(kept.received).not.toContain(PING);
    expect(sockets(plain).map(({ readyState, OPEN }) => readyState === OPEN)).toEqual([true]);
  });
});

describe('a client that requests much data and reads nothing', () => {
  async function requestData(server: Running, megabytes: number): Promise<void> {
    const client = await openRaw(server);
    client.socket.pause();
    for (let index = 0; index < megabytes; index++) client.write(eventFrame('large'));
  }
  const buffered = (server: Running): number =>
    Math.max(...sockets(server).map(({ bufferedAmount }) => bufferedAmount));

  it('fills the memory of WsAdapter', async () => {
    const server = await startPlain(farm, SpeakingGateway);
    await requestData(server, 50);
    await eventually(() => expect(buffered(server)).toBeGreaterThan(20 * MB));
  });

  it('is closed by our adapter once 4 MiB are pending', async () => {
    const server = await startOurs(farm, {}, SpeakingGateway);
    await requestData(server, 50);
    await eventually(() =>
      expect(sockets(server).every(({ readyState, OPEN }) => readyState !== OPEN)).toBe(true),
    );
    expect(buffered(server)).toBeLessThan(8 * MB);
  });
});
