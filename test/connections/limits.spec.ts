import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Deferred } from '../../lib/bus/deferred.js';
import type { EdgeOptions } from '../../lib/options/edge-options.js';
import { autoAnswer } from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { eventFrame, RawClient } from '../support/raw-client.js';
import { idOf, onlyConnection, useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

@WebSocketGateway({ path: '/chat' })
class WorkingGateway {
  handled = 0;
  readonly release = new Deferred();

  @SubscribeMessage('id')
  id(@ConnectedSocket() client: BackplaneConnection) {
    return { event: 'id', data: client.id };
  }

  @SubscribeMessage('wait')
  async wait() {
    this.handled++;
    await this.release.promise;
    return { event: 'waited' };
  }

  @SubscribeMessage('quick')
  quick(@MessageBody() data: unknown) {
    return { event: 'quick', data };
  }
}

@WebSocketGateway({ path: '/chat', maxPayload: 300 })
class OwnLimitGateway {}

const farm = useTestFarm();

function start(limits: EdgeOptions['limits'], more: EdgeOptions = {}): Promise<ChatServer> {
  return farm.server({ ...farm.options(), limits, ...more }, {}, WorkingGateway);
}

function send(client: WsClient, event: string, times: number): void {
  for (let index = 0; index < times; index++) client.send(event, index);
}

/** Checks that the other client is still served, and how many clients the server has counted as exceeding a limit. */
async function expectUnharmed(server: ChatServer, other: WsClient, tooMany: number): Promise<void> {
  await idOf(other);
  expect(server.backplane.counters.tooMany).toBe(tooMany);
}

describe('limits.payloadBytes', () => {
  it('closes a client with 1009 if it sends one byte more', async () => {
    const server = await start({ payloadBytes: 200 });
    const [client, other] = [await farm.client(server), await farm.client(server)];
    const frame = JSON.stringify({ event: 'quick', data: '' });

    client.sendRaw(frame.replace('""', `"${'x'.repeat(200 - frame.length)}"`));
    await client.next('quick');
    client.sendRaw('x'.repeat(201));

    expect(await client.closed).toMatchObject({ code: 1009 });
    await expectUnharmed(server, other, 0);
  });

  it('is overridden by the maxPayload of the gateway', async () => {
    const server = await farm.server(
      { ...farm.options(), limits: { payloadBytes: 10 } },
      {},
      OwnLimitGateway,
    );
    const client = await farm.client(server);
    client.send('ping', 'x'.repeat(200));
    await client.next('pong');
    client.send('ping', 'x'.repeat(300));
    expect(await client.closed).toMatchObject({ code: 1009 });
  });
});

describe('limits.pendingMessages', () => {
  it.each([Infinity, 1])(
    'closes a client with 1008 if one more message is pending (%d in parallel)',
    async (parallel) => {
      const more = parallel === 1 ? { parallelInvocations: 1 } : {};
      const server = await start({ pendingMessages: 10 }, more);
      const [client, other] = [await farm.client(server), await farm.client(server)];
      const gateway = server.app.get(WorkingGateway);
      await idOf(client);

      send(client, 'wait', 10);
      // The pong proves that the server has read the ten messages. Pongs do not wait for queued messages.
      client.socket.ping();
      await new Promise((resolve) => client.socket.once('pong', resolve));
      expect([client.socket.readyState, gateway.handled]).toEqual([
        client.socket.OPEN,
        Math.min(10, parallel),
      ]);
      send(client, 'wait', 1);

      expect(await client.closed).toEqual({ code: 1008, reason: 'Too many messages are pending' });
      await expectUnharmed(server, other, 1);
      gateway.release.resolve();
    },
  );

  it('does not count messages whose handler returns at once, however many arrive in one packet', async () => {
    const server = await start({ pendingMessages: 10 });
    const client = await RawClient.ask(server, '/chat');
    farm.onEnd(() => client.socket.destroy());
    await client.until('\r\n\r\n');

    client.write(Buffer.concat(Array.from({ length: 2000 }, (_, index) => eventFrame('quick', index))));

    await client.until('"data":1999}');
    expect(server.backplane.counters.tooMany).toBe(0);
  });

  it('does not close a client that waits for replies in between', async () => {
    const client = await farm.client(await start({ pendingMessages: 10 }));
    for (let round = 0; round < 10; round++) {
      send(client, 'quick', 10);
      for (let index = 0; index < 10; index++) await client.next('quick');
    }
    expect(client.dataOf('quick')).toHaveLength(100);
  });
});

describe('limits.messagesPerSecond', () => {
  it('closes a client with 1008 if it sends one more message within a second', async () => {
    const server = await start({ messagesPerSecond: 20 });
    const [client, other] = [await farm.client(server), await farm.client(server)];

    send(client, 'quick', 21);

    expect(await client.closed).toEqual({ code: 1008, reason: 'Too many messages per second' });
    expect(client.dataOf('quick').length).toBeLessThanOrEqual(20);
    await expectUnharmed(server, other, 1);
  });

  it('allows that many messages in every second', async () => {
    const client = await farm.client(await start({ messagesPerSecond: 20 }));
    for (let second = 0; second < 3; second++) {
      send(client, 'quick', 20);
      await client.count('quick', 20 * (second + 1));
      // The server's second began before the replies arrived.
      await new Promise((resolve) => setTimeout(resolve, 1050));
    }
  });

  it('counts messages that no handler accepts', async () => {
    for (const message of ['{', '{"event":"nope"}', '{"id":{}}']) {
      const client = await farm.client(await start({ messagesPerSecond: 20 }));
      for (let index = 0; index < 21; index++) client.sendRaw(message);
      expect(await client.closed).toMatchObject({ code: 1008 });
    }
  });

  it('does not count replies to invokes', async () => {
    const server = await start({ messagesPerSecond: 5 });
    const client = await farm.client(server);
    autoAnswer(client, 'question', 'answer');
    const connection = onlyConnection(server);
    for (let index = 0; index < 20; index++)
      expect(await connection.invoke('question', index)).toBe('answer');
  });
});
