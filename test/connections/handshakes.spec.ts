import { WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { NotingGateway } from '../support/noting.gateway.js';
import { eventually } from '../support/observe.js';
import { closeFrame, eventFrame, handshake, RawClient, refusal } from '../support/raw-client.js';
import { delivered, idOf, turn, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const notes = [0, 1, 2];

describe('a client that handleConnection refuses', () => {
  it.each<[name: string, code: number, refuse: (client: { close(code: number): void }) => unknown]>([
    ['by closing', 4003, (client) => client.close(4003)],
    ['by throwing', 1011, () => Promise.reject(new Error('no'))],
  ])('%s reaches no handler with its early messages', async (_name, code, refuse) => {
    const server = await farm.server(farm.options(), {}, NotingGateway);
    const gateway = server.app.get(NotingGateway);
    gateway.onConnection = (client) => refuse(client);

    const client = await RawClient.ask(
      server,
      '/chat',
      {},
      Buffer.concat(notes.map((note) => eventFrame('note', note))),
    );

    const [high, low] = [code >> 8, code & 0xff];
    await client.until(String.fromCharCode(high, low));
    client.socket.end();
    await client.closed;
    await eventually(() => expect(gateway.notes).toContain('disconnected'));
    expect(gateway.notes).toEqual(['connected /chat', 'disconnected']);
  });
});

@WebSocketGateway({
  path: '/chat',
  verifyClient: () => {
    throw new Error('a verifyClient of the gateway fails');
  },
})
class ThrowingGateway {}

@WebSocketGateway({
  path: '/chat',
  verifyClient: (_info: unknown, decide: (verified: boolean) => void) => setImmediate(() => decide(false)),
})
class LateGateway {}

const verifying: ((verified: boolean) => void)[] = [];

@WebSocketGateway({
  path: '/chat',
  verifyClient: (_info: unknown, decide: (verified: boolean) => void) => void verifying.push(decide),
})
class LateNotingGateway extends NotingGateway {}

describe('a verifyClient of the gateway', () => {
  it('that throws refuses its client with 500 and affects nothing else', async () => {
    const server = await farm.server(farm.options(), {}, ThrowingGateway);
    const escaped = farm.escapes();
    expect(await refusal(server, '/chat')).toBe(500);
    await eventually(() => expect(server.backplane.counters.connections).toBe(0));
    expect(escaped).toEqual([]);
  });

  it('that admits late loses no message of a client that has already ended its side', async () => {
    const server = await farm.server(farm.options(), {}, LateNotingGateway);
    const gateway = server.app.get(LateNotingGateway);
    const all = Buffer.concat([
      Buffer.from(handshake('/chat')),
      ...notes.map((note) => eventFrame('note', note)),
      closeFrame(),
    ]);
    const sendAll = async (): Promise<void> => {
      const client = await RawClient.open(server);
      client.socket.end(all);
      await eventually(() => expect(verifying).toHaveLength(1));
      await turn();
      verifying.pop()?.(true);
      await eventually(() => expect(gateway.notes.at(-1)).toBe('disconnected'));
      expect(gateway.notes.splice(0)).toEqual(['connected /chat', ...notes, 'disconnected']);
    };
    await sendAll();
    // The first client of a path waits in a different way than later ones.
    const staying = farm.client(server);
    await eventually(() => expect(verifying).toHaveLength(1));
    verifying.pop()?.(true);
    await staying;
    expect(gateway.notes.splice(0)).toEqual(['connected /chat']);
    await sendAll();
  });

  it('that refuses late leaves no connection counted', async () => {
    const server = await farm.server(farm.options(), {}, LateGateway);
    expect(await refusal(server, '/chat')).toBe(401);
    await eventually(() => expect(server.backplane.counters.connections).toBe(0));
  });
});

it('bad handshakes leave no connection counted', async () => {
  const server = await farm.server();
  const bad: Record<string, string>[] = [
    { 'Sec-WebSocket-Key': 'short' },
    { 'Sec-WebSocket-Version': '7' },
    { Upgrade: 'h2c' },
  ];
  for (const headers of bad) {
    const client = await RawClient.ask(server, '/chat', headers);
    await client.until('HTTP/1.1 4');
    client.socket.destroy();
  }
  await eventually(() => expect(server.backplane.counters.connections).toBe(0));
  const client = await farm.client(server);
  await idOf(client);
  await delivered(server, client);
});
