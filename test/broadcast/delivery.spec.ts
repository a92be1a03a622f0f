import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import type { ReportedError } from '../../lib/bus/bus.errors.js';
import { UnsendableDataError } from '../../lib/protocol/unsendable-data.error.js';
import { Delivery } from '../../lib/routing/delivery.js';
import { MessageTooLargeError } from '../../lib/routing/routing.errors.js';
import type { ChatServer } from '../support/chat-app.js';
import { delivered, idOf, join, onlyConnection, turn, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const pair = async (): Promise<[ChatServer, ChatServer]> => [await farm.server(), await farm.server()];

describe('the Delivery of an emit', () => {
  it('counts the local connections that it was written to', async () => {
    const [near, far] = await pair();
    const [one, two] = [await farm.client(near), await farm.client(near)];
    await farm.client(far);
    await join(one, 'g');
    await join(two, 'g');
    const id = await idOf(one);

    expect(await near.broadcaster.emit('x')).toEqual(new Delivery(2, 'accepted'));
    expect(await far.broadcaster.emit('x')).toEqual(new Delivery(1, 'accepted'));
    expect(await near.broadcaster.group('g').emit('x')).toEqual(new Delivery(2, 'accepted'));
    expect(await near.broadcaster.group('g').except(id).emit('x')).toEqual(new Delivery(1, 'accepted'));
    expect(await near.broadcaster.group('nobody').emit('x')).toEqual(new Delivery(0, 'accepted'));
  });

  it('is notNeeded if all recipients are local, and accepted if one is not', async () => {
    const [near, far] = await pair();
    const [own, other] = [await idOf(await farm.client(near)), await idOf(await farm.client(far))];

    expect(await near.broadcaster.connection(own).emit('x')).toEqual(new Delivery(1, 'notNeeded'));
    expect(await near.broadcaster.connection(own, other).emit('x')).toEqual(new Delivery(1, 'accepted'));
    expect(await near.broadcaster.connection(other).emit('x')).toEqual(new Delivery(0, 'accepted'));
    expect(await onlyConnection(near).emit('x')).toEqual(new Delivery(1, 'notNeeded'));
    expect(await near.broadcaster.local.emit('x')).toEqual(new Delivery(1, 'notNeeded'));
  });

  it('is notNeeded for ids that no connection of another server can have', async () => {
    const [near] = await pair();
    const own = `${near.backplane.serverId}.AAAAAAAAAAAA`;
    expect(await near.broadcaster.connection('none', own).emit('x')).toEqual(new Delivery(0, 'notNeeded'));
  });
});

describe('a handler', () => {
  @WebSocketGateway({ path: '/chat' })
  class DeliveringGateway {
    @WebSocketServer() private readonly server!: Broadcaster;

    @SubscribeMessage('returns')
    returns() {
      return this.server.connection('nobody').emit('x');
    }

    @SubscribeMessage('awaits')
    async awaits() {
      return await this.server.connection('nobody').emit('x');
    }
  }

  it('that returns a Delivery sends nothing to its client', async () => {
    const server = await farm.server(farm.options(), {}, DeliveringGateway);
    const client = await farm.client(server);
    client.send('returns');
    client.send('awaits');
    client.send('unknown');
    await client.next('exception');
    await delivered(server, client);
    expect(client.received).toHaveLength(2);
  });
});

describe('an emit of large or invalid data', () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const MEBIBYTE = 1024 * 1024;

  it('rejects with MessageTooLargeError above 1 MiB, and reaches no client', async () => {
    const [near, far] = await pair();
    const clients = [await farm.client(near), await farm.client(far)];

    const emit = near.broadcaster.emit('big', 'x'.repeat(MEBIBYTE));

    await expect(emit).rejects.toThrow(MessageTooLargeError);
    await expect(emit).rejects.toThrow(/1048576/);
    await delivered(near, ...clients);
    for (const client of clients) expect(client.dataOf('big')).toEqual([]);
  });

  it('is limited by limits.messageBytes of the sending server, not of the receiving one', async () => {
    const options = farm.options();
    const large = await farm.server({ ...options, limits: { messageBytes: 2 * MEBIBYTE } });
    const small = await farm.server({ ...options, limits: { messageBytes: 500 } });
    const client = await farm.client(small);
    const data = 'x'.repeat(MEBIBYTE);

    await large.broadcaster.emit('big', data);
    await expect(small.broadcaster.emit('big', 'x'.repeat(500))).rejects.toThrow(MessageTooLargeError);

    expect((await client.next('big')).data === data).toBe(true);
  });

  it('arrives if it is just below 1 MiB', async () => {
    const [near, far] = await pair();
    const clients = [await farm.client(near), await farm.client(far)];
    const data = 'x'.repeat(MEBIBYTE - 200);

    await near.broadcaster.emit('big', data);

    for (const client of clients) expect((await client.next('big')).data === data).toBe(true);
  });

  it.each([
    ['circular', circular],
    ['a bigint', 1n],
  ])('rejects if its data is %s, and reaches no client', async (_name, data) => {
    const [near, far] = await pair();
    const clients = [await farm.client(near), await farm.client(far)];

    await expect(near.broadcaster.emit('x', data)).rejects.toThrow(UnsendableDataError);
    await expect(near.broadcaster.local.emit('x', data)).rejects.toThrow(UnsendableDataError);
    await expect(onlyConnection(near).emit('x', data)).rejects.toThrow(UnsendableDataError);

    await delivered(near, ...clients);
    for (const client of clients) expect(client.dataOf('x')).toEqual([]);
  });

  it.each([
    ['circular', circular],
    ['too large', 'x'.repeat(MEBIBYTE)],
  ])(
    'is reported on errors$ and causes no unhandled rejection if it is not awaited: %s data',
    async (_name, data) => {
      const server = await farm.server();
      const escaped = farm.escapes();
      const errors: ReportedError[] = [];
      server.backplane.errors$.subscribe((error) => errors.push(error));

      void server.broadcaster.emit('x', data);

      await turn();
      expect(escaped).toEqual([]);
      expect(errors).toHaveLength(1);
    },
  );
});
