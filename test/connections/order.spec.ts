import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
} from '@nestjs/websockets';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Deferred } from '../../lib/bus/deferred.js';
import { autoAnswer } from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { eventually } from '../support/observe.js';
import { useTestFarm } from '../support/test-farm.js';

@WebSocketGateway({ path: '/chat' })
class OrderGateway {
  readonly steps: string[] = [];
  readonly release = new Deferred();
  running = 0;
  mostRunning = 0;

  @SubscribeMessage('work')
  async work(@MessageBody() { name, ms }: { name: string; ms: number }) {
    this.steps.push(`${name} begins`);
    if (ms > 0) await delay(ms);
    this.steps.push(`${name} ends`);
    return { event: 'worked', data: name };
  }

  @SubscribeMessage('fail')
  async fail(@MessageBody() ms: number) {
    await delay(ms);
    throw new WsException('failed');
  }

  @SubscribeMessage('wait')
  async wait() {
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    await this.release.promise;
    this.running--;
    return { event: 'waited' };
  }

  @SubscribeMessage('converse')
  async converse(@ConnectedSocket() client: BackplaneConnection) {
    const answers = [await client.invoke('question', 1), await client.invoke('question', 2)];
    return { event: 'conversed', data: answers };
  }
}

const farm = useTestFarm();
const start = (parallelInvocations?: number): Promise<ChatServer> =>
  farm.server(
    { ...farm.options(), ...(parallelInvocations === undefined ? {} : { parallelInvocations }) },
    {},
    OrderGateway,
  );
const gatewayOf = ({ app }: ChatServer): OrderGateway => app.get(OrderGateway);
const names = Array.from({ length: 12 }, (_, index) => `w${index}`);

describe('with parallelInvocations: 1', () => {
  it('the messages of a client are handled in order, each after the previous one has ended', async () => {
    const server = await start(1);
    const client = await farm.client(server);

    // The first messages are the slowest.
    for (const [index, name] of names.entries())
      client.send('work', { name, ms: Math.max(0, 30 - index * 5) });

    await client.count('worked', names.length);
    expect(client.dataOf('worked')).toEqual(names);
    expect(gatewayOf(server).steps).toEqual(names.flatMap((name) => [`${name} begins`, `${name} ends`]));
  });

  it('a handler that invokes its own client gets the reply, however many messages are queued', async () => {
    const client = await farm.client(await start(1));
    autoAnswer(client, 'question', 'answer');
    client.send('converse');
    for (const name of names) client.send('work', { name, ms: 0 });

    await client.count('worked', names.length);

    expect(client.received.find(({ event }) => event === 'conversed')?.data).toEqual(['answer', 'answer']);
    expect(client.received.filter(({ event }) => event !== 'question')[0]?.event).toBe('conversed');
  });

  it('neither a failing handler nor an invalid message blocks the queue', async () => {
    const client = await farm.client(await start(1));
    client.send('fail', 20);
    client.sendRaw('{');
    client.send('work', { name: 'next', ms: 0 }, 1);
    client.send('work', { name: 'last', ms: 0 });
    await client.next('worked');
    expect(client.received.map(({ event, id }) => event ?? id)).toEqual([
      'exception',
      'exception',
      1,
      'worked',
    ]);
  });

  it('clients do not wait for each other', async () => {
    const server = await start(1);
    const [waiting, other] = [await farm.client(server), await farm.client(server)];
    waiting.send('wait');
    await eventually(() => expect(gatewayOf(server).running).toBe(1));
    other.send('work', { name: 'mine', ms: 0 });
    await other.next('worked');
    gatewayOf(server).release.resolve();
    await waiting.next('waited');
  });
});

describe.each<[name: string, option: number | undefined, atOnce: number]>([
  ['by default', undefined, 20],
  ['with parallelInvocations: 3', 3, 3],
])('%s', (_name, option, atOnce) => {
  it(`${atOnce} of 20 messages of a client are handled in parallel, and all of them in the end`, async () => {
    const server = await start(option);
    const gateway = gatewayOf(server);
    const client = await farm.client(server);
    for (let index = 0; index < 20; index++) client.send('wait');
    await eventually(() => expect(gateway.running).toBe(atOnce));
    client.socket.ping();
    await new Promise((resolve) => client.socket.once('pong', resolve));

    gateway.release.resolve();

    await client.count('waited', 20);
    expect(gateway.mostRunning).toBe(atOnce);
  });
});
