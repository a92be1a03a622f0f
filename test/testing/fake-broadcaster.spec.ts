import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { InvokeTimeoutError } from '../../lib/routing/request.errors.js';
import { FakeBroadcaster, FakeConnection, recordEmits } from '../../lib/testing/index.js';
import { ChatGateway } from '../support/chat.gateway.js';
import { turn, useTestFarm } from '../support/test-farm.js';

interface OrderEvents {
  shipped: { id: string };
  confirm: { id: string };
}

@Injectable()
class OrdersService {
  constructor(private readonly broadcaster: Broadcaster) {}

  ship(id: string, userId: string) {
    return this.broadcaster.gateway<OrderEvents>('/orders').user(userId).emit('shipped', { id });
  }
}

const farm = useTestFarm();

const EVERY_CALL: ((to: Broadcaster) => Promise<unknown>)[] = [
  (to) => to.emit('e'),
  (to) => to.all.emit('e', { at: new Date(0) }),
  (to) => to.group('a', 'b').user('u').connection('c').emit('e', 1),
  (to) => to.except('c').exceptGroup('g').volatile.local.emit('e', null),
  (to) => to.group(...[]).emit('e'),
  (to) => to.group('a').send('e', 1, { two: 2 }),
  (to) => to.send('e'),
  (to) => to.local.send('e', [1, 2]),
  (to) => to.gateway('/other').group('a').emit('e'),
  (to) => to.local.group('a').join('b'),
  (to) => to.local.group('a').leave('b'),
  (to) => to.local.disconnect(4000, 'bye'),
  (to) => to.local.disconnect(),
  (to) => to.local.group('a').invokeAll('e', { x: 1 }),
];

const EVERY_REFUSAL: ((to: Broadcaster) => unknown)[] = [
  (to) => to.emit(''),
  (to) => to.emit('e', () => 1),
  (to) => to.send('e', 1, () => 1),
  (to) => to.send('e', 1n, 2),
  (to) => to.emit('e', 1n),
  (to) => to.group(''),
  (to) => to.group('a').all,
  (to) => to.join(''),
  (to) => to.disconnect(1),
  (to) => to.group('a').invoke('e'),
  (to) => to.connection('c').invoke('e', 1, { timeout: 0 }),
  (to) => to.gateway('a b'),
];

async function errorOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('FakeBroadcaster', () => {
  it('records the same as recordEmits for the same calls', async () => {
    const { app, gateway } = await farm.server();
    const emits = recordEmits(app);
    const fake = new FakeBroadcaster(ChatGateway);
    for (const call of EVERY_CALL) {
      await call(gateway.server);
      await call(fake);
    }

    expect(emits.all.length + emits.commands.length + emits.invokes.length).toBe(EVERY_CALL.length);
    expect(fake.emits.all).toStrictEqual(emits.all);
    expect(fake.emits.commands).toStrictEqual(emits.commands);
    expect(fake.emits.invokes).toStrictEqual(emits.invokes);
  });

  it('refuses the same calls as the real one, with the same errors, and records none of them', async () => {
    const { gateway } = await farm.server();
    const fake = new FakeBroadcaster(ChatGateway);
    for (const call of EVERY_REFUSAL) {
      const error = await errorOf(() => call(fake));
      expect(error).toBeInstanceOf(Error);
      expect(error).toEqual(await errorOf(() => call(gateway.server)));
    }
    expect(fake.emits.all).toEqual([]);
    expect(fake.emits.commands).toEqual([]);
  });

  it('causes no unhandled rejection if a refused emit is not awaited', async () => {
    const escaped = farm.escapes();
    void new FakeBroadcaster().emit('');
    await turn();
    await turn();

    expect(escaped).toEqual([]);
  });

  it('can be injected, and shares its record with its targets and other gateways', async () => {
    const fake = new FakeBroadcaster();
    const module = await Test.createTestingModule({
      providers: [OrdersService, { provide: Broadcaster, useValue: fake }],
    }).compile();
    farm.ending(module);

    await module.get(OrdersService).ship('o1', 'ada');
    await fake.emit('root');

    expect(fake.emits.all).toStrictEqual([
      { path: '/orders', target: { user: ['ada'] }, event: 'shipped', data: { id: 'o1' } },
      { path: '/', target: { all: true }, event: 'root' },
    ]);
  });

  it('replies to invoke as the test says', async () => {
    const fake = new FakeBroadcaster<OrderEvents>('/orders');
    const client = fake.connection('c1');
    await expect(client.invoke('confirm', { id: 'o1' })).rejects.toThrow("fake.reply('confirm', () => …)");

    fake.reply('confirm', (data) => ({ sure: true, data }));
    expect(await client.invoke('confirm', { id: 'o1' })).toEqual({ sure: true, data: { id: 'o1' } });
    const parse = (): never => {
      throw new Error('not so');
    };
    await expect(client.invoke('confirm', { id: 'o1' }, { parse })).rejects.toMatchObject({
      code: 'BACKPLANE_INVALID_RESULT',
    });

    fake.reply('confirm', () => Promise.reject(new Error('busy')));
    await expect(client.invoke('confirm', { id: 'o1' })).rejects.toMatchObject({
      code: 'BACKPLANE_CLIENT_RESULT',
      connectionId: 'c1',
      error: 'busy',
    });

    const late = new InvokeTimeoutError('c1', 5000);
    fake.reply('confirm', () => Promise.reject(late));
    await expect(client.invoke('confirm', { id: 'o1' })).rejects.toBe(late);
  });

  it('replies to invokeAll for named connections and for local ones in the target', async () => {
    const fake = new FakeBroadcaster('/chat');
    const [ada, bob, eve] = ['ada', 'bob', 'eve'].map((userId) => new FakeConnection({ id: userId, userId }));
    if (!ada || !bob || !eve) throw new Error('no clients');
    fake.localConnections.push(ada, bob, eve);
    await ada.join('tea');
    await eve.join('spies');
    fake.reply('vote', () => 'yes');

    const idsOf = async (target: Pick<typeof fake, 'invokeAll'>): Promise<string[]> =>
      (await target.invokeAll('vote')).responses.map(({ connectionId }) => connectionId);
    expect(await idsOf(fake)).toEqual(['ada', 'bob', 'eve']);
    expect(await idsOf(fake.group('tea').user('bob').connection('far'))).toEqual(['far', 'ada', 'bob']);
    expect(await idsOf(fake.except('bob').exceptGroup('spies'))).toEqual(['ada']);
    expect([...fake.localConnections]).toEqual([ada, bob, eve]);
  });
});
