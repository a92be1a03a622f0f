import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  answer,
  autoAnswer,
  connectMember,
  type Member,
  serverPair,
  useRedis,
} from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { CodecClient } from '../support/codec-client.js';
import { delivered, useTestFarm } from '../support/test-farm.js';
import type { InvokeAllResult } from '../../lib/broadcast/invoke.js';

const farm = useTestFarm();
const redis = useRedis();

let near: ChatServer;
let far: ChatServer;
/** Two clients on one server, one on the other. */
let one: Member;
let two: Member;
let three: Member;

beforeEach(async () => {
  [near, far] = await serverPair(farm, redis.url, { protocols: ['json', 'msgpack'] });
  one = await connectMember(farm, near);
  two = await connectMember(farm, near);
  three = await connectMember(farm, far);
});

/** The data of the event that each client received. */
async function received(event = 'test'): Promise<unknown[][]> {
  const clients = [one, two, three].map(({ client }) => client);
  await delivered(near, ...clients);
  return clients.map((client) => client.dataOf(event));
}

/** A MessagePack client on each server. */
function binaryClients(): Promise<CodecClient[]> {
  return Promise.all(
    [near, far].map(async ({ port }) => {
      const client = await CodecClient.open(`ws://127.0.0.1:${port}/chat`, 'msgpack');
      farm.onEnd(() => client.socket.terminate());
      return client;
    }),
  );
}

const BYTES = Buffer.from([0, 1, 2, 0x7f, 0x80, 0xff]);

@WebSocketGateway({ path: '/other' })
class OtherGateway {
  @SubscribeMessage('ping')
  ping() {
    return { event: 'pong' };
  }
}

describe('Broadcast', () => {
  it('[IO-1] reaches all clients with its data intact, including bytes', async () => {
    const clients = await binaryClients();
    const data = [1, '2', BYTES, { nested: [true, null] }];

    await near.broadcaster.emit('test', data);

    for (const client of clients)
      expect((await client.event('test')).data).toEqual([
        1,
        '2',
        new Uint8Array(BYTES),
        { nested: [true, null] },
      ]);
  });

  it('[IO-2] reaches all clients of a path, and of no other path', async () => {
    // Socket.IO's namespaces are our paths.
    const metadata = { providers: [OtherGateway] };
    const options = farm.options(redis.url);
    const servers = [await farm.server(options, metadata), await farm.server(options, metadata)] as const;
    const chatters = await Promise.all(servers.map((server) => farm.client(server, '/chat')));
    const others = await Promise.all(servers.map((server) => farm.client(server, '/other')));

    await servers[0].broadcaster.gateway(OtherGateway).emit('test', 'other');
    await servers[0].broadcaster.gateway('/chat').emit('test', 'chat');

    for (const client of others) expect((await client.next('test')).data).toBe('other');
    for (const client of chatters) expect((await client.next('test')).data).toBe('chat');
    expect([...chatters, ...others].map((client) => client.dataOf('test').length)).toEqual([1, 1, 1, 1]);
  });

  it('[IO-3] reaches all clients of a group without a wait after the join', async () => {
    // Socket.IO's rooms are our groups. Its test sleeps between the join and the broadcast.
    await Promise.all([one.connection.join('room1'), three.connection.join('room1')]);
    await near.broadcaster.group('room1').emit('test', 1);
    expect(await received()).toEqual([[1], [], [1]]);
  });

  it('[IO-4] reaches all clients except those in a group', async () => {
    await Promise.all([two.connection.join('room1'), three.connection.join('room1')]);
    await near.broadcaster.exceptGroup('room1').emit('test', 1);
    expect(await received()).toEqual([[1], [], []]);
  });

  it('[IO-5] reaches a member of several groups once, and no excluded client', async () => {
    await one.connection.join('room1');
    for (const room of ['room1', 'room2', 'room3']) await two.connection.join(room);
    for (const room of ['room1', 'room2']) await three.connection.join(room);
    await far.broadcaster.group('room1', 'room2').group('room1').exceptGroup('room3').emit('test', 1);
    await delivered(far, one.client, two.client, three.client);
    expect(await received()).toEqual([[1], [], [1]]);
  });

  it('[IO-6] .local reaches only this server’s clients', async () => {
    await Promise.all([one, two, three].map(({ connection }) => connection.join('room1')));
    await near.broadcaster.local.emit('test', 'all');
    await near.broadcaster.group('room1').local.emit('test', 'group');
    expect(await received()).toEqual([['all', 'group'], ['all', 'group'], []]);
  });

  it('[IO-7] reaches a single client of the other server by its id', async () => {
    await near.broadcaster.connection(three.id).emit('test', 1);
    expect(await received()).toEqual([[], [], [1]]);
  });
});

const byConnection = <T>({ responses }: InvokeAllResult<T>): Record<string, unknown> =>
  Object.fromEntries(
    responses.map((response) => [
      response.connectionId,
      response.status === 'fulfilled' ? response.value : response.reason,
    ]),
  );

const NOBODY_MISSING = { servers: [], connections: [] };

describe('invokeAll', () => {
  it('[IO-8] resolves with the reply of every client of every server', async () => {
    for (const [number, { client }] of [one, two, three].entries()) autoAnswer(client, 'test', number + 1);

    const result = await near.broadcaster.invokeAll('test', 'question');

    expect(byConnection(result)).toEqual({ [one.id]: 1, [two.id]: 2, [three.id]: 3 });
    expect(result.missing).toEqual(NOBODY_MISSING);
    expect(await received()).toEqual([['question'], ['question'], ['question']]);
  });

  it('[IO-9] carries bytes in requests and replies', async () => {
    for (const client of await binaryClients()) {
      await client.ask('join', 'bytes', 1);
      void client.event('test').then(({ id, data }) => {
        client.send({ id, data: Uint8Array.from(data as Uint8Array).reverse() });
      });
    }

    const { responses, missing } = await near.broadcaster.group('bytes').invokeAll('test', BYTES);

    expect(missing).toEqual(NOBODY_MISSING);
    const values = responses.map((response) => response.status === 'fulfilled' && response.value);
    expect(values.map((value) => Buffer.from(value as Uint8Array).toString('hex'))).toEqual([
      'ff807f020100',
      'ff807f020100',
    ]);
  });

  it('[IO-10] of an empty group resolves without replies and with nobody missing', async () => {
    expect(await near.broadcaster.group('nobody').invokeAll('test')).toEqual({
      responses: [],
      missing: NOBODY_MISSING,
    });
  });

  it('[IO-11] resolves after the timeout with the replies that arrived and with the missing connections', async () => {
    autoAnswer(one.client, 'test', 1);
    const asked = [two.client.next('test'), three.client.next('test')];

    // Socket.IO rejects with partial responses. We resolve because a partial result is not a failure.
    const result = await near.broadcaster.invokeAll('test', undefined, { timeout: 2000 });

    expect(byConnection(result)).toEqual({ [one.id]: 1 });
    expect(result.missing.connections.toSorted()).toEqual([two.id, three.id].toSorted());
    expect(result.missing.servers).toEqual([]);
    // Late replies are ignored.
    answer(two.client, await (asked[0] as Promise<object>), 'late');
    answer(three.client, await (asked[1] as Promise<object>), 'late');
    expect(await received('exception')).toEqual([[], [], []]);
  });
});
