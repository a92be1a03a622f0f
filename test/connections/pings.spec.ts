import { once } from 'node:events';
import { WebSocketGateway } from '@nestjs/websockets';
import { WebSocket } from 'ws';
import { describe, expect, it } from 'vitest';
import type { ChatServer } from '../support/chat-app.js';
import { NotingGateway } from '../support/noting.gateway.js';
import { eventually } from '../support/observe.js';
import { clientFrame, closeFrame, eventFrame, OPCODE, RawClient } from '../support/raw-client.js';
import { onlyConnection, useTestFarm } from '../support/test-farm.js';

const KB = 1024;
const MB = 1024 * KB;
const BUFFERED_BYTES = 256 * KB;
/** The largest payload of a ping (RFC 6455, section 5.5). */
const LARGEST = 125;
/** More than the kernels buffer for a socket at both ends, plus our own limit. */
const FLOOD_BYTES = 40 * MB;

@WebSocketGateway({ path: '/chat', perMessageDeflate: { threshold: 64 } })
class DeflatingGateway {}

@WebSocketGateway({ path: '/chat', autoPong: false })
class SilentGateway {}

@WebSocketGateway({ path: '/chat', autoPong: true })
class EagerGateway {}

const farm = useTestFarm();

async function open(server: ChatServer, headers: Record<string, string> = {}): Promise<RawClient> {
  const client = await RawClient.ask(server, '/chat', headers);
  farm.onEnd(() => client.socket.destroy());
  await client.until('\r\n\r\n');
  return client;
}

/** Sends frames until the server closes the client or all are sent. Reads nothing. */
async function flood(server: ChatServer, client: RawClient, frame: Buffer): Promise<void> {
  client.socket.pause();
  const chunk = Buffer.concat(Array.from({ length: Math.floor(MB / frame.length) }, () => frame));
  for (let sent = 0; sent < FLOOD_BYTES && !client.socket.destroyed; sent += chunk.length) {
    if (server.backplane.counters.tooSlow > 0) return;
    if (!client.socket.write(chunk)) await Promise.race([once(client.socket, 'drain'), client.closed]);
  }
}

/** Samples `value` at each ping of the client. @returns a function that returns the maximum */
function atPings({ socket }: { socket: WebSocket }, value: () => number): () => number {
  let most = 0;
  socket.on('ping', () => (most = Math.max(most, value())));
  return () => most;
}

describe('a client that pings and does not read', () => {
  it.each([
    ['plain', {}, NotingGateway],
    ['MessagePack', { 'Sec-WebSocket-Protocol': 'backplane.msgpack.v1' }, NotingGateway],
    [
      'compressed',
      { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' },
      DeflatingGateway,
    ],
    ['with autoPong: true', {}, EagerGateway],
  ])('costs no more than bufferedBytes and is closed as too slow: %s', async (_name, headers, gateway) => {
    const options = {
      ...farm.options(),
      protocols: ['json', 'msgpack'] as const,
      limits: { bufferedBytes: BUFFERED_BYTES },
    };
    const server = await farm.server(options, {}, gateway);
    const client = await open(server, headers);
    const { socket } = onlyConnection(server);
    const most = atPings({ socket }, () => socket.bufferedAmount);

    await flood(server, client, clientFrame(Buffer.alloc(LARGEST, 'x'), OPCODE.ping));

    expect(server.backplane.counters).toMatchObject({ tooSlow: 1, tooMany: 0 });
    expect(most()).toBeLessThan(BUFFERED_BYTES + KB);
    // It does not answer the close frame either, and `ws` waits two seconds for that.
    await eventually(() => expect(server.backplane.counters.connections).toBe(0));
  });

  it('costs bounded memory even with empty pings, whose pongs have only two bytes', async () => {
    const server = await farm.server();
    const client = await open(server);
    const { socket } = onlyConnection(server);
    const before = process.memoryUsage().heapUsed;
    let pings = 0;
    // One write per pong would take 800 MB until 4 MiB are pending.
    const most = atPings({ socket }, () => (++pings % 1000 === 0 ? process.memoryUsage().heapUsed : 0));

    await flood(server, client, clientFrame('', OPCODE.ping));

    expect(pings).toBeGreaterThan(1_000_000);
    expect(most() - before).toBeLessThan(200 * MB);
    // A million pings take two seconds, and many more on a busy machine.
  }, 60_000);

  it('is closed if its pongs and messages together exceed the limit', async () => {
    const server = await farm.server({ ...farm.options(), limits: { bufferedBytes: 8 * MB } });
    const client = await open(server);
    const connection = onlyConnection(server);
    client.socket.pause();
    while (connection.socket.bufferedAmount < 7.9 * MB) {
      await connection.emit('text', 'x'.repeat(64 * KB));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const pings = Array.from({ length: 3000 }, () => clientFrame(Buffer.alloc(LARGEST), OPCODE.ping));

    client.write(Buffer.concat(pings));

    await eventually(() => expect(server.backplane.counters.tooSlow).toBe(1));
  });
});

describe('a client that pings and reads', () => {
  const payloads = Array.from({ length: 300 }, (_, index) => `${index}:${'x'.repeat(index % 120)}`);

  it.each([
    ['JSON', {}, []],
    ['MessagePack', {}, ['backplane.msgpack.v1']],
    ['JSON, compressed', { perMessageDeflate: true }, []],
    ['MessagePack, compressed', { perMessageDeflate: true }, ['backplane.msgpack.v1']],
  ] as const)(
    'gets each pong once, in order, with the payload of its ping: %s',
    async (_name, options, protocols) => {
      const server = await farm.server(
        { ...farm.options(), protocols: ['json', 'msgpack'] },
        {},
        DeflatingGateway,
      );
      const socket = new WebSocket(`ws://127.0.0.1:${server.port}/chat`, [...protocols], {
        perMessageDeflate: false,
        ...options,
      });
      farm.onEnd(() => socket.terminate());
      const pongs: string[] = [];
      socket.on('pong', (payload: Buffer) => pongs.push(payload.toString()));
      await once(socket, 'open');
      expect(socket.extensions).toBe('perMessageDeflate' in options ? 'permessage-deflate' : '');
      const messages: unknown[] = [];
      socket.on('message', (bytes: Buffer) => messages.push(bytes));

      for (const payload of payloads) {
        socket.ping(payload);
        // Messages between the pongs, large enough to be compressed.
        void server.broadcaster.emit('text', 'y'.repeat(1000));
      }
      socket.ping();

      await eventually(() => expect(pongs).toHaveLength(payloads.length + 1));
      expect(pongs).toEqual([...payloads, '']);
      await eventually(() => expect(messages).toHaveLength(payloads.length));
      expect(server.backplane.counters.tooSlow).toBe(0);
    },
  );

  it('gets the pong of a ping between the fragments of a message', async () => {
    const server = await farm.server(farm.options(), {}, NotingGateway);
    const client = await open(server);
    const [first, rest] = ['{"event":"note",', '"data":1}'];
    const [head, tail] = [clientFrame(first), clientFrame(rest, 0)];
    head[0] = OPCODE.text;

    client.write(Buffer.concat([head, clientFrame('between', OPCODE.ping), tail]));

    await client.until('"noted"');
    expect(client.received).toContain('\x8a\x07between');
  });

  it('is not closed, however often it pings', async () => {
    const server = await farm.server({ ...farm.options(), limits: { bufferedBytes: 64 * KB } });
    const client = await farm.client(server);
    let pongs = 0;
    client.socket.on('pong', () => pongs++);
    for (let round = 1; round <= 50; round++) {
      for (let ping = 0; ping < 200; ping++) client.socket.ping('x'.repeat(LARGEST));
      await eventually(() => expect(pongs).toBe(round * 200));
    }
    expect(server.backplane.counters.tooSlow).toBe(0);
  });
});

describe('the autoPong of a gateway', () => {
  it('answers no ping if it is false', async () => {
    const server = await farm.server(farm.options(), {}, SilentGateway);
    const client = await open(server);
    client.write(Buffer.concat([clientFrame('x', OPCODE.ping), eventFrame('ping')]));
    await client.until('"pong"');
    expect(client.received).not.toContain('\x8a\x01x');
  });

  it('answers each ping once if it is true', async () => {
    const client = await open(await farm.server(farm.options(), {}, EagerGateway));
    client.write(Buffer.concat([clientFrame('x', OPCODE.ping), eventFrame('ping')]));
    await client.until('"pong"');
    await client.until('\x8a\x01x');
    expect(client.received.split('\x8a\x01x')).toHaveLength(2);
  });
});

describe('no ping is answered', () => {
  const ping = clientFrame('late', OPCODE.ping);
  const refused = (): Promise<ChatServer> =>
    farm.server({ ...farm.options(), authenticate: () => null, refusal: 'closeCode' });

  it('once the server has closed the connection', async () => {
    const server = await farm.server();
    const client = await open(server);
    onlyConnection(server).close(4000);
    await client.until('\x88\x02\x0f\xa0');

    client.write(Buffer.concat([ping, closeFrame(4000)]));

    await client.closed;
    expect(client.received).not.toContain('late');
  });

  it('of a client that is refused with a close code', async () => {
    const client = await RawClient.ask(await refused(), '/chat', {}, ping);
    farm.onEnd(() => client.socket.destroy());
    await client.until('Refused');
    client.write(Buffer.concat([ping, closeFrame()]));
    await client.closed;
    expect(client.received).not.toContain('late');
  });

  it("after the client's close frame in the same packet", async () => {
    const server = await farm.server();
    const client = await open(server);
    client.write(Buffer.concat([closeFrame(), ping]));
    await client.closed;
    expect(client.received).not.toContain('late');
  });
});
