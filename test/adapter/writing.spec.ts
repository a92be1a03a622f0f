import { once } from 'node:events';
import { decode, encode } from '@msgpack/msgpack';
import { MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { WebSocket } from 'ws';
import { describe, expect, it } from 'vitest';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { delivered, join, onlyConnection, useTestFarm } from '../support/test-farm.js';

@WebSocketGateway({ path: '/chat', perMessageDeflate: { threshold: 64 } })
class DeflatingGateway {
  @WebSocketServer() private readonly server!: Broadcaster;

  @SubscribeMessage('say')
  say(@MessageBody() text: string) {
    return this.server.emit('said', text);
  }
}

const farm = useTestFarm();
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
/** Sizes around those at which a frame header grows, and some others. */
const SIZES = [0, 1, 63, 64, 100, 112, 126, 127, 1000, 65_510, 65_536, 70_000, 300_000];

describe('messages of one turn', () => {
  it('arrive in order at local clients and at clients of another server', async () => {
    const [near, far] = [await farm.server(), await farm.server()];
    const clients = [await farm.client(near), await farm.client(near), await farm.client(far)];

    for (const number of numbers(5000)) void near.broadcaster.emit('n', number);

    await delivered(near, ...clients);
    for (const client of clients) expect(client.dataOf('n')).toEqual(numbers(5000));
  });

  it('keep their order for one client, whatever their targets are', async () => {
    const server = await farm.server();
    const client = await farm.client(server);
    await join(client, 'g');
    const connection = onlyConnection(server);

    for (const number of numbers(300)) {
      if (number % 3 === 0) void server.broadcaster.emit('n', number);
      else if (number % 3 === 1) void connection.emit('n', number);
      else void server.broadcaster.group('g').volatile.emit('n', number);
    }

    await client.count('n', 300);
    expect(client.dataOf('n')).toEqual(numbers(300));
  });

  it('reach every client, even if there are more clients than one turn writes to', async () => {
    const server = await farm.server();
    const clients = await Promise.all(numbers(600).map(() => farm.client(server)));

    for (const number of numbers(20)) void server.broadcaster.emit('n', number);

    await Promise.all(clients.map((client) => client.count('n', 20)));
    for (const client of clients) expect(client.dataOf('n')).toEqual(numbers(20));
  });

  it.each(SIZES)(
    'arrive complete with %d characters at local clients and at clients of another server',
    async (size) => {
      const [near, far] = [await farm.server(), await farm.server()];
      const clients = [await farm.client(near), await farm.client(far)];
      const texts = ['x'.repeat(size), 'ü'.repeat(size)];

      for (const text of texts) void near.broadcaster.emit('text', text);

      await delivered(near, ...clients);
      for (const client of clients) expect(client.dataOf('text')).toEqual(texts);
    },
  );
});

describe('with permessage-deflate', () => {
  it('messages of all sizes arrive complete and in order, even at clients without it', async () => {
    const server = await farm.server(farm.options(), {}, DeflatingGateway);
    const packed = await farm.client(server);
    const plain = await farm.client(server, '/chat', { perMessageDeflate: false });
    expect(packed.socket.extensions).toContain('permessage-deflate');
    expect(plain.socket.extensions).toBe('');
    const texts = [...SIZES, ...SIZES].map((size, index) => `${index}:${'x'.repeat(size)}`);

    for (const text of texts) void server.broadcaster.emit('text', text);

    await delivered(server, packed, plain);
    for (const client of [packed, plain]) expect(client.dataOf('text')).toEqual(texts);
  });

  it('the server reads compressed messages', async () => {
    const client = await farm.client(await farm.server(farm.options(), {}, DeflatingGateway));

    client.send('say', 'x'.repeat(5000));

    expect((await client.next('said')).data).toBe('x'.repeat(5000));
  });

  it('writes to the raw socket do not interleave with a message', async () => {
    const server = await farm.server(farm.options(), {}, DeflatingGateway);
    const client = await farm.client(server);
    const connection = onlyConnection(server);

    connection.socket.send(JSON.stringify({ event: 'raw', data: 'y'.repeat(200_000) }));
    void connection.emit('text', 'x'.repeat(200_000));
    connection.socket.send(JSON.stringify({ event: 'raw', data: 'z' }));

    await delivered(server, client);
    expect(client.dataOf('text')).toEqual(['x'.repeat(200_000)]);
    expect(client.dataOf('raw')).toEqual(['y'.repeat(200_000), 'z']);
  });
});

it('MessagePack and JSON clients get the same messages on every server', async () => {
  const options = { ...farm.options(), protocols: ['json', 'msgpack'] as const };
  const [near, far] = [await farm.server(options), await farm.server(options)];
  const plain = await farm.client(far);
  const packed = [near, far].map(
    ({ port }) => new WebSocket(`ws://127.0.0.1:${port}/chat`, 'backplane.msgpack.v1'),
  );
  for (const socket of packed) farm.onEnd(() => socket.terminate());
  await Promise.all(packed.map((socket) => once(socket, 'open')));
  const received = packed.map((socket) => once(socket, 'message'));

  const message = { event: 'said', data: { list: [1, 'ü', null] } };
  await near.broadcaster.emit(message.event, message.data);

  for (const frame of received) expect(decode(((await frame) as [Buffer])[0])).toEqual(message);
  expect(await plain.next('said')).toEqual(message);
});

it('a MessagePack client can send MessagePack, and gets its reply in MessagePack', async () => {
  const { port } = await farm.server({ ...farm.options(), protocols: ['json', 'msgpack'] });
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`, 'backplane.msgpack.v1');
  farm.onEnd(() => socket.terminate());
  await once(socket, 'open');

  socket.send(encode({ event: 'join', data: 'g' }));

  const [answer, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
  expect([decode(answer), isBinary]).toEqual([{ event: 'joined', data: 'g' }, true]);
});
