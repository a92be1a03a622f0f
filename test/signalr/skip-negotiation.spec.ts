import { HttpTransportType } from '@microsoft/signalr';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { SignalROptions } from '../../lib/options/signalr-options.js';
import type { ChatServer } from '../support/chat-app.js';
import { HubGateway } from '../support/hub.gateway.js';
import { GENERATIONS, type Generation, type HubConnection, startHub } from '../support/signalr-clients.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const HTTP = { skipNegotiation: true, transport: HttpTransportType.WebSockets };

function hubServer(signalr: SignalROptions = { skipNegotiation: true }): Promise<ChatServer> {
  return farm.server({ ...farm.options(), protocols: ['json', 'msgpack'], signalr }, {}, HubGateway);
}

function start(generation: Generation, { port }: ChatServer, isBinary = false): Promise<HubConnection> {
  return startHub(farm, generation, port, { http: HTTP, isBinary });
}

const SKIPPING = GENERATIONS.filter(({ version }) => ['1.1', '6.0', '10.0'].includes(version));

describe.each(SKIPPING)('Microsoft’s client $version that skips the negotiation', (generation) => {
  it('is served in JSON and MessagePack', async () => {
    const server = await hubServer();
    for (const isBinary of [false, generation.msgpack !== undefined]) {
      const connection = await start(generation, server, isBinary);
      const { id } = await connection.invoke<{ id: string }>('Id');
      expect(id.startsWith(`${server.backplane.serverId}.`)).toBe(true);
    }
  });
});

it('Without the option, a client that skips the negotiation is a plain one', async () => {
  const client = await farm.client(await hubServer({ handshakeTimeout: 50 }), '/hub');
  client.sendRaw('{"protocol":"json","version":1}\u001e');
  expect(await client.next()).toMatchObject({ event: 'exception' });
});

describe('a plain client beside them', () => {
  it('is admitted with its first message, which is handled', async () => {
    const server = await hubServer();
    const client = await farm.client(server, '/hub');
    client.send('Echo', 'hello', 1);
    expect(await client.next()).toEqual({ id: 1, data: 'hello' });
    expect(server.app.get(HubGateway).connected).toHaveLength(1);
  });

  it('that sends nothing is admitted after the time for the handshake', async () => {
    const server = await hubServer({ skipNegotiation: true, handshakeTimeout: 30 });
    const client = await farm.client(server, '/hub');
    await expect.poll(() => server.app.get(HubGateway).connected.length).toBe(1);
    await server.broadcaster.gateway(HubGateway).emit('News', 1);
    expect(await client.next('News')).toEqual({ event: 'News', data: 1 });
  });

  it('that requests a subprotocol is admitted at once', async () => {
    const server = await hubServer();
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/hub`, ['backplane.msgpack.v1']);
    farm.onEnd(() => socket.terminate());
    await expect.poll(() => server.app.get(HubGateway).connected.length).toBe(1);
  });
});
