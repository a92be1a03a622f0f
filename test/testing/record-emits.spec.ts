import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
} from '@nestjs/websockets';
import { beforeEach, describe, expect, it } from 'vitest';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { type EmitRecording, recordEmits, TestSetupError } from '../../lib/testing/index.js';
import type { ChatServer } from '../support/chat-app.js';
import { ChatGateway } from '../support/chat.gateway.js';
import { idOf, join, turn, useTestFarm } from '../support/test-farm.js';

@WebSocketGateway({ path: '/orders' })
class OrdersGateway {
  @WebSocketServer() readonly server!: Broadcaster;

  @SubscribeMessage('buy')
  async buy(@ConnectedSocket() client: BackplaneConnection, @MessageBody() order: string) {
    await client.emit('bought', order);
    throw new WsException('no longer for sale');
  }
}

@Injectable()
class OrdersService {
  constructor(readonly broadcaster: Broadcaster) {}
}

const farm = useTestFarm();
let server: ChatServer;
let chat: Broadcaster;
let emits: EmitRecording;

beforeEach(async () => {
  server = await farm.server(farm.options(), { providers: [OrdersGateway, OrdersService] });
  chat = server.gateway.server;
  emits = recordEmits(server.app);
});

const recordOf = (target: object, event = 'e'): object => ({ path: '/chat', target, event });

describe('recordEmits', () => {
  it('records the emits of all gateways and services in order, with their paths', async () => {
    const service = server.app.get(OrdersService);

    await chat.group('tea').emit('said', { text: 'Hello' });
    await service.broadcaster.gateway(OrdersGateway).user('ada').emit('shipped', { id: 'o1' });
    await server.app.get(OrdersGateway).server.emit('closed');

    expect(emits.all).toStrictEqual([
      { path: '/chat', target: { group: ['tea'] }, event: 'said', data: { text: 'Hello' } },
      { path: '/orders', target: { user: ['ada'] }, event: 'shipped', data: { id: 'o1' } },
      { path: '/orders', target: { all: true }, event: 'closed' },
    ]);
    expect(emits.at(ChatGateway)).toStrictEqual(emits.all.slice(0, 1));
    expect(emits.at('/orders')).toStrictEqual(emits.all.slice(1));
    expect(emits.of('shipped')).toStrictEqual(emits.all.slice(1, 2));
    expect(() => emits.at(OrdersService)).toThrow('OrdersService is not a gateway');
  });

  it('names in the target what the app called, without duplicates', async () => {
    await chat.all.emit('e');
    await chat.group('a', 'b').group('a').user('u').connection('c').emit('e');
    await chat.except('c', 'd').exceptGroup('g').emit('e');
    await chat.group('a').local.volatile.emit('e');
    await chat.group(...[]).emit('e');

    expect(emits.all).toStrictEqual([
      recordOf({ all: true }),
      recordOf({ group: ['a', 'b'], user: ['u'], connection: ['c'] }),
      recordOf({ all: true, except: ['c', 'd'], exceptGroup: ['g'] }),
      recordOf({ group: ['a'], local: true, volatile: true }),
      recordOf({}),
    ]);
  });

  it('delivers as usual', async () => {
    const client = await farm.client(server);
    await join(client, 'tea');

    const delivery = await chat.group('tea').emit('said', 'Hello');

    expect(await client.next('said')).toEqual({ event: 'said', data: 'Hello' });
    expect(delivery.local).toBe(1);
  });

  it('keeps the data as it was emitted, as a client receives it', async () => {
    const order = { id: 'o1', at: new Date(0), tags: ['new'], secret: undefined };
    await chat.emit('ordered', order);
    order.tags.push('paid');
    order.id = 'o2';

    const [record] = emits.all;
    expect(record?.data).toStrictEqual({ id: 'o1', at: '1970-01-01T00:00:00.000Z', tags: ['new'] });
  });

  it('does not record what no client can receive', async () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;

    await expect(chat.emit('e', circular)).rejects.toThrow('cannot');
    await expect(chat.local.emit('e', 'x'.repeat(10))).resolves.toBeDefined();
    await expect(chat.emit('e', 'x'.repeat(2 ** 21))).rejects.toThrow('too large');
    await expect(chat.emit('')).rejects.toThrow('event');
    await expect(server.broadcaster.emit('e')).rejects.toThrow('path');

    expect(emits.all).toStrictEqual([{ ...recordOf({ all: true, local: true }), data: 'x'.repeat(10) }]);
  });

  it('records circular data emitted to nobody as little as it delivers it', async () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;

    await chat.local.emit('e', circular);

    expect(emits.all).toEqual([]);
  });

  it('records client.emit as an emit to that connection, but neither results nor exceptions', async () => {
    const client = await farm.client(server, '/orders');
    client.send('buy', 'o1');
    await client.next('exception');
    client.send('nothing');
    await client.next('exception');
    const chatClient = await farm.client(server);
    await idOf(chatClient);

    expect(emits.all).toStrictEqual([
      {
        path: '/orders',
        target: { connection: [expect.any(String)], local: true },
        event: 'bought',
        data: 'o1',
      },
    ]);
  });

  it('does not record an exception for a client that has just disconnected', async () => {
    const client = await farm.client(server);
    await idOf(client);
    const [connection] = chat.localConnections;
    connection?.close();

    await connection?.emit('exception', { message: 'too late' });

    expect(emits.all).toEqual([]);
  });

  it('records invocations and commands in lists of their own', async () => {
    const client = await farm.client(server);
    const id = await idOf(client);

    await chat.connection(id).join('tea');
    await chat.group('tea').leave('tea');
    const response = chat.connection(id).invoke('confirm', { sure: true });
    const { id: invocation } = await client.next('confirm');
    client.sendRaw(JSON.stringify({ id: invocation, data: 'yes' }));
    expect(await response).toBe('yes');
    await chat.user('ada').local.disconnect(4000, 'bye');

    const path = '/chat';
    expect(emits.commands).toStrictEqual([
      { path, target: { connection: [id] }, command: 'join', group: 'tea' },
      { path, target: { group: ['tea'] }, command: 'leave', group: 'tea' },
      { path, target: { user: ['ada'], local: true }, command: 'disconnect', code: 4000, reason: 'bye' },
    ]);
    expect(emits.invokes).toStrictEqual([
      { path, target: { connection: [id] }, event: 'confirm', data: { sure: true } },
    ]);
    expect(emits.all).toEqual([]);
  });

  it('records from its call until stop, except what clear forgets', async () => {
    const early = recordEmits(server.app);
    await chat.emit('first');
    const late = recordEmits(server.app);
    await chat.emit('second');
    early.clear();
    await chat.emit('third');
    late.stop();
    await chat.emit('fourth');

    const events = (of: EmitRecording): string[] => of.all.map(({ event }) => event);
    expect(events(early)).toEqual(['third', 'fourth']);
    expect(events(late)).toEqual(['second', 'third']);
  });

  it('returns lists that later emits do not change', async () => {
    const before = emits.all;
    await chat.emit('e');
    const after = emits.all;
    emits.clear();

    expect(before).toEqual([]);
    expect(after).toHaveLength(1);
  });

  it('records what other servers do not do', async () => {
    const other = await farm.server();
    await other.gateway.server.emit('e');
    await turn();

    expect(emits.all).toEqual([]);
  });

  it('records in MessagePack what JSON cannot carry', async () => {
    const both = await farm.server({ ...farm.options(), protocols: ['msgpack'] });
    const recording = recordEmits(both.app);

    await both.gateway.server.emit('bytes', new Uint8Array([1, 2]));

    expect([...(recording.all[0]?.data as Uint8Array)]).toEqual([1, 2]);
  });

  it('works with a TestingModule, before its gateways are connected and without any', async () => {
    const module = await Test.createTestingModule({
      imports: [RedisBackplaneModule.forRoot(farm.options())],
    }).compile();
    farm.ending(module);
    const recording = recordEmits(module);
    await module.init();

    await module.get(Broadcaster).gateway('/elsewhere').emit('e');

    expect(recording.all).toStrictEqual([{ path: '/elsewhere', target: { all: true }, event: 'e' }]);
  });

  it('rejects an app without the backplane, and what is no app', async () => {
    @Module({})
    class Plain {}
    const app = await farm.app({ imports: [Plain] });

    expect(() => recordEmits(app)).toThrow(TestSetupError);
    expect(() => recordEmits(app)).toThrow('Import RedisBackplaneModule.forRoot(…)');
    // @ts-expect-error as in a test whose `beforeEach` did not assign it
    expect(() => recordEmits(undefined)).toThrow('Invalid argument `app`');
    // @ts-expect-error as without `await`
    expect(() => recordEmits(Promise.resolve(app))).toThrow('is an await missing');
  });
});
