import { describe, expect, it } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { ConnectionClosedError, ConnectionNotFoundError } from '../../lib/routing/request.errors.js';
import { rejection, useRedis } from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { eventually } from '../support/observe.js';
import { clientFrame, eventFrame } from '../support/raw-client.js';
import { RedisInspector } from '../support/redis-inspector.js';
import {
  ClosingGateway,
  closed,
  connectStubborn,
  expectDeaf,
  expectNobody,
  type Stubborn,
} from '../support/stubborn-client.js';
import { delivered, idOf, useTestFarm } from '../support/test-farm.js';
import { passedCode } from '../support/nest-release.js';

const HOUR_MS = 3_600_000;

const farm = useTestFarm();

const start = (options: RedisBackplaneOptions = {}): Promise<ChatServer> =>
  farm.server({ ...farm.options(), ...options }, {}, ClosingGateway);
const stubborn = (server: ChatServer): Promise<Stubborn> => connectStubborn(farm, server);
const redis = useRedis();

const admission = { authenticate: () => ({ userId: 'u' }) };

type Close = (stub: Stubborn) => unknown;
const closings: [name: string, code: number, close: Close, options?: RedisBackplaneOptions][] = [
  ['client.close()', 4001, ({ connection }) => connection.close(4001)],
  ['close() of the raw socket', 4002, ({ connection }) => connection.socket.close(4002)],
  [
    'a disconnect command',
    4003,
    ({ server, connection }) => server.broadcaster.connection(connection.id).disconnect(4003),
  ],
  ['a disconnect of its group', 4004, ({ server }) => server.broadcaster.group('g').disconnect(4004)],
  ['its expiry', 1008, ({ connection }) => connection.renew(new Date())],
  [
    'too many messages',
    1008,
    ({ client }) => client.write(Buffer.concat(Array.from({ length: 20 }, () => eventFrame('nope')))),
    { limits: { messagesPerSecond: 10 } },
  ],
  ['a frame that breaks the protocol', 1002, ({ client }) => client.write(Buffer.from([0xf1, 0x80]))],
  [
    'a message that is too large',
    1009,
    ({ client }) => client.write(clientFrame('x'.repeat(2000))),
    { limits: { payloadBytes: 1000 } },
  ],
];

describe('a connection that the server closes', () => {
  it.each(closings)('after %s (%i) can no longer be reached', async (_name, code, close, options) => {
    const stub = await stubborn(await start({ ...admission, ...options }));
    await stub.connection.join('g');
    await stub.server.broadcaster.emit('before');

    await close(stub);
    await closed(stub.client, code);

    expect(stub.client.received).toContain('before');
    const { socket } = stub.connection;
    // `ws` does not wait for the close frame of a client that violates the protocol.
    const waits = code !== 1002 && code !== 1009;
    if (waits) expect(socket.readyState).toBe(socket.CLOSING);
    await expectNobody(stub);
    if (!waits) return;
    expect(stub.gateway.disconnects).toEqual([]);
    await expectDeaf(stub);
    expect(stub.gateway.groupsAtDisconnect).toEqual([[]]);
  });

  it('because it is too slow can no longer be reached', async () => {
    const stub = await stubborn(await start({ ...admission, limits: { bufferedBytes: 10_000 } }));
    await stub.connection.join('g');
    const emits = [1, 2, 3].map(() => stub.connection.emit('text', 'x'.repeat(9000)));

    // No connection is closed in the middle of a delivery.
    expect((await Promise.all(emits)).map(({ local }) => local)).toEqual([1, 1, 1]);
    await closed(stub.client, 1013);

    expect(stub.server.backplane.counters.tooSlow).toBe(1);
    await expectNobody(stub);
    await expectDeaf(stub);
    expect(stub.server.backplane.counters.tooSlow).toBe(1);
  });

  it('because handleConnection fails can no longer be reached', async () => {
    const server = await start(admission);
    const gateway = server.app.get(ClosingGateway);
    const failed = new Deferred();
    gateway.onConnection = () => failed.promise;
    const stub = await stubborn(server);
    stub.client.write(eventFrame('note', 'early'));
    await stub.connection.join('g');

    failed.reject(new Error('no'));
    await closed(stub.client, 1011);

    await expectNobody(stub);
    await expectDeaf(stub);
  });

  it('by a command of another server can no longer be reached from either server', async () => {
    const options = { ...farm.options(redis.url), ...admission };
    const near = await farm.server(options, {}, ClosingGateway);
    const stub = await stubborn(await farm.server(options, {}, ClosingGateway));
    const target = near.broadcaster.connection(stub.connection.id);
    await target.join('g');

    await target.disconnect(4005);
    await closed(stub.client, 4005);

    await expectNobody(stub);
    await rejection(target.disconnect(), ConnectionNotFoundError);
    await rejection(target.invoke('late'), ConnectionNotFoundError);
    expect(await near.broadcaster.group('g').invokeAll('late')).toMatchObject({ responses: [] });
    await expectDeaf(stub);
  });

  it('loses its queued messages and the reply of the running handler', async () => {
    const stub = await stubborn(await start({ ...admission, parallelInvocations: 1 }));
    for (let index = 0; index < 10; index++) stub.client.write(eventFrame('wait', index));
    await eventually(() => expect(stub.gateway.handled).toEqual([0]));

    stub.connection.close(4001);
    stub.gateway.release.resolve();
    await closed(stub.client, 4001);

    await expectDeaf(stub, [0]);
  });

  it('for too many messages loses the rest of the packet that exceeded the limit', async () => {
    const stub = await stubborn(await start({ limits: { messagesPerSecond: 5 } }));
    stub.client.write(Buffer.concat(Array.from({ length: 50 }, (_, index) => eventFrame('note', index))));
    await closed(stub.client, 1008);
    expect(stub.gateway.handled).toEqual([0, 1, 2, 3, 4]);
    expect(stub.server.backplane.counters.tooMany).toBe(1);
  });

  it.each(['its own server', 'another server'])(
    'rejects a pending invoke from %s at once, and its late reply is ignored',
    async (where) => {
      const options = farm.options(redis.url);
      const near = await farm.server(options, {}, ClosingGateway);
      const stub = await stubborn(await farm.server(options, {}, ClosingGateway));
      const caller = where === 'its own server' ? stub.server : near;
      const rejected = rejection(
        caller.broadcaster.connection(stub.connection.id).invoke('q', 1, { timeout: HOUR_MS }),
        ConnectionClosedError,
      );
      await stub.client.until('"event":"q"');
      const [, id] = /"id":"([^"]+)"/.exec(stub.client.received) ?? [];

      stub.connection.close(4001);

      const error = await rejected;
      expect(error.message).toBe(`The connection ${stub.connection.id} is closed.`);
      expect(stub.connection.socket.readyState).toBe(stub.connection.socket.CLOSING);
      stub.client.write(clientFrame(JSON.stringify({ id, data: 'late' })));
      await closed(stub.client, 4001);
      await expectDeaf(stub);
    },
  );

  it('has its channels unsubscribed, even while its socket is still open', async () => {
    const inspector = farm.ending(new RedisInspector(redis.url));
    const options = { ...farm.options(redis.url), ...admission };
    const server = await farm.server(options, {}, ClosingGateway);
    // This client keeps its socket open for two seconds, which is longer than `unsubscribeDelay`.
    const stub = await stubborn(server);
    await stub.connection.join('g');
    const { connection } = stub;
    connection.close(4001);
    const names = async (): Promise<string[]> =>
      (await inspector.channels(options.channelPrefix ?? '')).filter((name) => name.includes('/chat'));
    await expect.poll(names).toEqual([]);
    expect(connection.socket.readyState).toBe(connection.socket.CLOSING);
  });

  it('ignores any further close or renewal', async () => {
    const stub = await stubborn(await start(admission));
    stub.connection.close(4001);
    stub.connection.close(4002);
    stub.connection.socket.close(4003);
    stub.connection.renew(new Date(0));
    stub.connection.renew(new Date(Date.now() + HOUR_MS));
    await closed(stub.client, 4001);
    await expectDeaf(stub);
    expect(stub.gateway.disconnects).toEqual([passedCode(1000)]);
  });

  it('can be closed while iterating over localConnections', async () => {
    const server = await start();
    const clients = await Promise.all(Array.from({ length: 20 }, () => farm.client(server)));
    for (const connection of server.broadcaster.localConnections) connection.close(4001);
    expect([...server.broadcaster.localConnections]).toEqual([]);
    for (const client of clients) expect(await client.closed).toMatchObject({ code: 4001 });
  });

  it('with terminate() on the raw socket can no longer be reached', async () => {
    const stub = await stubborn(await start(admission));
    await stub.connection.join('g');
    stub.connection.socket.terminate();
    await expectNobody(stub);
  });
});

it('a broadcast after a close reaches only the remaining clients', async () => {
  const server = await start();
  const [leaving, staying] = [await farm.client(server), await farm.client(server)];
  const id = await idOf(leaving);
  await server.broadcaster.connection(id).disconnect(4001);
  expect(await server.broadcaster.local.emit('all')).toEqual({ local: 1, backplane: 'notNeeded' });
  await delivered(server, staying);
  expect(leaving.dataOf('all')).toEqual([]);
});
