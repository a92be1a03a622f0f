import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { WebSocketServer as WsServer } from 'ws';
import { connectTestClient, HandlerError, TestClientError } from '../../lib/testing/index.js';
import { useTestFarm } from '../support/test-farm.js';
import { RoomGateway, Rooms } from './room-app.js';

const farm = useTestFarm();
const rooms = new Rooms(farm);

function replyTo(bytes: Buffer): string {
  const { id, data } = JSON.parse(bytes.toString()) as { id: number; data: unknown };
  return JSON.stringify({ id, data });
}

describe('a TestClient', () => {
  it('buffers messages, so none is missed, and returns each once', async () => {
    const client = await rooms.connect(await rooms.app(), '/room');
    for (const text of ['a', 'b']) client.emit('say', text);
    await client.invoke('echo');

    expect(client.received.map(({ event }) => event)).toEqual(['welcome', 'said', 'said']);
    expect(await client.next('said')).toBe('a');
    expect(await client.next('welcome')).toEqual({ protocol: '' });
    expect(await client.next('said')).toBe('b');
    await expect(client.next('said', 20)).rejects.toThrow('No message "said" within 20 ms');
  });

  it('gives messages to waiting calls in the order of the calls', async () => {
    const client = await rooms.connect(await rooms.app(), '/room');
    const both = Promise.all([client.next('said'), client.next('said')]);
    for (const text of ['a', 'b']) client.emit('say', text);

    expect(await both).toEqual(['a', 'b']);
  });

  it('says what did arrive when a message does not', async () => {
    const client = await rooms.connect(await rooms.app(), '/room', { timeout: 50 });
    await client.next('welcome');
    client.emit('fail');

    await expect(client.next('said')).rejects.toThrow(
      /^No message "said" within 50 ms\. The client has received 2 messages:\n {2}welcome \{"protocol":""\}\n {2}exception .*not like that/,
    );
  });

  it('limits what an error shows', async () => {
    const client = await rooms.connect(await rooms.app(), '/room');
    for (let count = 0; count < 20; count++) client.emit('say', 'x'.repeat(1000));
    await client.invoke('echo');

    const failure = (await client.next('confirm', 20).catch((error: unknown) => error)) as Error;
    expect(failure.message).toContain('21 messages, the last 10 of them');
    expect(failure.message.length).toBeLessThan(3000);
  });

  it('invoke resolves with the reply, and rejects with the error of the handler', async () => {
    const client = await rooms.connect(await rooms.app(), '/room');

    expect(await client.invoke('echo', { a: 1 })).toEqual({ a: 1 });
    expect(await client.invoke('go-nowhere').catch((error: unknown) => error)).toBeInstanceOf(HandlerError);
    await expect(client.invoke('fail')).rejects.toMatchObject({
      event: 'fail',
      error: { message: 'not like that' },
    });
    await expect(client.invoke('stall', undefined, 20)).rejects.toThrow('No reply to "stall" within 20 ms');
  });

  it('responds to invoke of the server', async () => {
    const client = await rooms.connect(await rooms.app(), '/room', {
      replies: { confirm: (data) => `yes, ${String(data)}` },
    });
    expect(await client.invoke('ask', 'sure?')).toBe('yes, sure?');
    expect(await client.next('confirm')).toBe('sure?');

    client.reply('confirm', () => Promise.reject(new Error('busy')));
    await expect(client.invoke('ask', 'sure?')).rejects.toBeInstanceOf(HandlerError);
  });

  it('responds with an error if the test has set no reply', async () => {
    const server = await rooms.app();
    const client = await rooms.connect(server, '/room');
    await client.next('welcome');
    const [connection] = server.get(RoomGateway).server.localConnections;

    await expect(connection?.invoke('confirm', 'sure?')).rejects.toThrow('has no reply to "confirm"');
  });

  it('is closed by the server with a code and reason, which end every wait', async () => {
    const client = await rooms.connect(await rooms.app(), '/room');
    const waiting = [client.next('said'), client.invoke('stall')];
    const ended = Promise.allSettled(waiting);
    client.emit('go');

    expect(await client.closed).toEqual({ code: 4001, reason: 'gone' });
    for (const result of await ended)
      expect(result).toMatchObject({
        reason: { message: expect.stringContaining('closed with 4001 (gone)') as unknown },
      });
    await expect(client.next('said')).rejects.toThrow('closed with 4001 (gone)');
    expect(await client.next('welcome')).toEqual({ protocol: '' });
    expect(() => client.emit('say', 'late')).toThrow('its connection is closed');
    await expect(client.invoke('echo')).rejects.toThrow('its connection is closed');
  });

  it('closes, more than once, and ends with its app', async () => {
    const server = await rooms.app();
    const [one, other] = [await rooms.connect(server, '/room'), await rooms.connect(server, '/room')];

    expect(await one.close(4000, 'bye')).toEqual({ code: 4000, reason: 'bye' });
    expect(await one.close()).toEqual({ code: 4000, reason: 'bye' });
    await server.close();
    expect((await other.closed).code).toBe(1001);
  });

  it('leaves no timers behind, also with a server that is no Nest app', async () => {
    const plain = new WsServer({ port: 0, host: '127.0.0.1' });
    farm.onEnd(() => plain.close());
    plain.on('connection', (socket) => socket.on('message', (bytes: Buffer) => socket.send(replyTo(bytes))));
    await once(plain, 'listening');
    const { port } = plain.address() as AddressInfo;
    const [set, clear] = [vi.spyOn(globalThis, 'setTimeout'), vi.spyOn(globalThis, 'clearTimeout')];
    farm.onEnd(() => vi.restoreAllMocks());

    const client = await connectTestClient(`ws://127.0.0.1:${port}`, '/', { timeout: 1234 });
    const waiting = client.next('said').catch((error: unknown) => error);
    expect(await client.invoke('echo', 1)).toBe(1);
    await client.close();
    expect(await waiting).toBeInstanceOf(TestClientError);

    const own = set.mock.calls.flatMap(([, ms], call) => (ms === 1234 || ms === 2000 ? [call] : []));
    const cleared = new Set(clear.mock.calls.map(([timer]) => timer));
    expect(own).toHaveLength(3);
    for (const call of own) expect(cleared).toContain(set.mock.results[call]?.value);
  });

  it('takes what is no message as it is', async () => {
    const server = await rooms.app();
    const client = await rooms.connect(server, '/room');
    await client.next('welcome');
    const [connection] = server.get(RoomGateway).server.localConnections;

    client.emit('odd');
    connection?.socket.send('not JSON');
    connection?.socket.send('[1]');
    await client.invoke('echo');

    expect(client.received.slice(1)).toContainEqual({ data: 'not JSON' });
    expect(client.received.slice(1)).toContainEqual({ data: [1] });
  });
});
