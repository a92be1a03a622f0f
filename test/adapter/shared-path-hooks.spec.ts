import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { beforeEach, describe, expect, it } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import type { ChatServer } from '../support/chat-app.js';
import { eventually } from '../support/observe.js';
import { delivered, useTestFarm } from '../support/test-farm.js';

/** What happened, in order. */
let notes: string[];
/** What the hooks of the two gateways wait for. */
let connecting: [first: Deferred, second: Deferred];
let disconnecting: [first: Deferred, second: Deferred];

async function hook(name: string, until: Promise<void>): Promise<void> {
  notes.push(`${name} begins`);
  await until;
  notes.push(`${name} ends`);
}

@WebSocketGateway({ path: '/chat' })
class FirstGateway {
  handleConnection = (): Promise<void> => hook('first connection', connecting[0].promise);
  handleDisconnect = (): Promise<void> => hook('first disconnect', disconnecting[0].promise);

  @SubscribeMessage('note')
  note(@MessageBody() data: string) {
    notes.push(data);
    return { event: 'noted', data };
  }
}

@WebSocketGateway({ path: '/chat' })
class SecondGateway {
  handleConnection(): Promise<void> {
    return hook('second connection', connecting[1].promise);
  }

  handleDisconnect(): Promise<void> {
    return hook('second disconnect', disconnecting[1].promise);
  }
}

const farm = useTestFarm();
const both = (): [Deferred, Deferred] => [new Deferred(), new Deferred()];

beforeEach(() => {
  notes = [];
  [connecting, disconnecting] = [both(), both()];
});

async function start(): Promise<ChatServer> {
  const server = await farm.server(farm.options(), { providers: [SecondGateway] }, FirstGateway);
  // After a failed test no hook may stay pending, because the app could not close.
  farm.onEnd(() => [...connecting, ...disconnecting].forEach(({ resolve }) => resolve()));
  return server;
}

describe('two gateways on one path', () => {
  it.each([
    ['first', 1, 0],
    ['second', 0, 1],
  ] as const)(
    'delay messages until both handleConnection hooks end, even if the %s one is slower',
    async (_which, early, late) => {
      const server = await start();
      const client = await farm.client(server);
      client.send('note', 'message');
      await eventually(() => expect(notes).toHaveLength(2));
      connecting[early].resolve();
      // By the time this emit reaches the client, the server has read the message that the client sent before.
      await delivered(server, client);
      await eventually(() => expect(notes).toHaveLength(3));
      expect(notes).not.toContain('message');

      connecting[late].resolve();

      await client.next('noted');
      expect(notes.slice(3)).toEqual([expect.stringContaining('connection ends'), 'message']);
    },
  );

  it.each([
    ['first', 1, 0],
    ['second', 0, 1],
  ] as const)(
    'delay the close until both handleDisconnect hooks end, even if the %s one is slower',
    async (_which, early, late) => {
      const server = await start();
      for (const { resolve } of connecting) resolve();
      const client = await farm.client(server);
      await eventually(() => expect(notes).toHaveLength(4));
      const closing = server.app.close().then(() => notes.push('closed'));
      await client.closed;
      await eventually(() => expect(notes).toHaveLength(6));
      disconnecting[early].resolve();
      await eventually(() => expect(notes).toHaveLength(7));
      for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
      expect(notes).not.toContain('closed');

      disconnecting[late].resolve();

      await closing;
      expect(notes.slice(-2)).toEqual([expect.stringContaining('disconnect ends'), 'closed']);
    },
  );
});
