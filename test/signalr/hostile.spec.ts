import { beforeEach, describe, expect, it } from 'vitest';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { ConnectionTokens } from '../../lib/signalr/connection-tokens.js';
import { negotiate } from '../../lib/signalr/negotiate.js';
import type { ChatServer } from '../support/chat-app.js';
import { heapUsed } from '../support/heap.js';
import { HubGateway } from '../support/hub.gateway.js';
import { RawHubClient } from '../support/raw-hub-client.js';
import { LATEST, startHub } from '../support/signalr-clients.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
let server: ChatServer;
let gateway: HubGateway;

async function start(options: RedisBackplaneOptions = {}): Promise<void> {
  server = await farm.server({ ...farm.options(), signalr: true, ...options }, {}, HubGateway);
  gateway = server.app.get(HubGateway);
}

beforeEach(() => start());

const call = (target: string, ...args: unknown[]): object => ({ type: 1, target, arguments: args });
const invocation = (id: string, target: string, ...args: unknown[]): object => ({
  ...call(target, ...args),
  invocationId: id,
});
const stream = (id: string, target: string, ...args: unknown[]): object => ({
  ...invocation(id, target, ...args),
  type: 4,
});

async function isServed(): Promise<void> {
  const other = await startHub(farm, LATEST, server.port);
  expect(await other.invoke('Echo', 1)).toBe(1);
}

describe('a client that violates the protocol', () => {
  it.each([
    '{"type":1}',
    '{"type":3,"invocationId":"1","result":1,"error":"x"}',
    'garbage',
    '[]',
    `{"type":1,"target":"Echo","arguments":${'['.repeat(200)}${']'.repeat(200)}}`,
    `{"type":1,"target":"Echo","arguments":[${'0,'.repeat(100_001)}0]}`,
  ])('%.50s is closed, and may come back', async (text) => {
    const client = await RawHubClient.open(farm, server.port);
    client.sendText(`${text}\u001e`);
    await client.until(({ closeCode }) => closeCode !== undefined);
    expect(client.frames).toEqual([
      { type: 7, error: 'Connection closed with an error.', allowReconnect: true },
    ]);
    expect(client.closeCode).toBe(1002);
    await isServed();
  });

  it('by a message in many frames that is larger than the limit is closed', async () => {
    const client = await RawHubClient.open(farm, server.port);
    client.sendText('{"type":1,"target":"Echo","arguments":["');
    for (let count = 0; count < 20; count++) client.sendText('x'.repeat(100_000));
    await client.until(({ closeCode }) => closeCode !== undefined);
    expect(client.closeCode).toBe(1002);
    await isServed();
  });
});

describe('what a client may send without harm:', () => {
  it('unknown types, unknown ids, and things that come too late', async () => {
    const client = await RawHubClient.open(farm, server.port);
    client.send(
      { type: 42 },
      { type: 6 },
      { type: 2, invocationId: 'nowhere', item: 1 },
      { type: 3, invocationId: 'nowhere', result: 1 },
      { type: 3, invocationId: 'nowhere', error: 'x' },
      { type: 5, invocationId: 'nowhere' },
      { type: 8, sequenceId: 5 },
      { type: 9, sequenceId: 5 },
      { ...call('Nowhere'), streamIds: ['s'] },
      stream('1', 'Numbers', 1),
      { type: 5, invocationId: '1' },
      invocation('2', 'Echo', 'still here'),
    );
    expect(await client.completion('2')).toMatchObject({ result: 'still here' });
    expect(client.closeCode).toBeUndefined();
  });

  it('calls without an id, about whose failure it learns nothing', async () => {
    const client = await RawHubClient.open(farm, server.port);
    client.send(
      call('Fail', 'x'),
      call('Crash'),
      call('Nowhere'),
      call('Forbidden'),
      invocation('1', 'Echo', 1),
    );
    await client.completion('1');
    expect(client.frames).toHaveLength(1);
  });

  it('calls without an id, about whose failure it gets an event if the app wants that', async () => {
    await start({ signalr: { exceptionEvents: true } });
    const client = await RawHubClient.open(farm, server.port);
    client.send(call('Fail', 'no such room'));
    await client.until(({ frames }) => frames.length > 0);
    expect(client.frames).toMatchObject([
      { type: 1, target: 'exception', arguments: [{ status: 'error', message: 'no such room' }] },
    ]);
  });

  it('calls whose errors the app wants to reach it as they are', async () => {
    await start({ signalr: { bareErrors: true } });
    const client = await RawHubClient.open(farm, server.port);
    client.send(invocation('1', 'Fail', 'no such room'), invocation('2', 'Crash'));
    expect(await client.completion('1')).toMatchObject({ error: 'no such room' });
    expect(await client.completion('2')).toMatchObject({
      error: "An unexpected error occurred invoking 'Crash' on the server.",
    });
  });

  it('the id of a stream that is running, which is refused', async () => {
    const client = await RawHubClient.open(farm, server.port);
    client.send(stream('1', 'Silence'), stream('1', 'Numbers', 1));
    expect(await client.completion('1')).toEqual({
      type: 3,
      invocationId: '1',
      error: "Invocation ID '1' is already in use.",
    });
  });

  it('the response to an invocation of another client, which does not count', async () => {
    const [asked, thief] = [
      await RawHubClient.open(farm, server.port),
      await RawHubClient.open(farm, server.port),
    ];
    const [askedId] = gateway.connected;
    const answer = gateway.server.connection(askedId ?? '').invoke('Question', 'secret?');
    await asked.until(({ frames }) => frames.length > 0);
    const { invocationId } = asked.frames[0] as { invocationId: string };
    thief.send({ type: 3, invocationId, result: 'stolen' }, invocation('1', 'Echo', 1));
    await thief.completion('1');
    asked.send({ type: 3, invocationId, result: 'genuine' });
    expect(await answer).toBe('genuine');
  });
});

describe('a client that opens streams', () => {
  it('and does not read them stops their sources, not the server', async () => {
    const client = await RawHubClient.open(farm, server.port);
    client.socket.pause();
    const before = await heapUsed();
    client.send(stream('1', 'Count to', 1_000_000));
    await expect.poll(() => gateway.counted, { timeout: 10_000 }).toBeGreaterThan(1000);
    await isServed();
    const counted = await settledCount();
    expect(counted).toBeLessThan(1_000_000);
    expect((await heapUsed()) - before).toBeLessThan(20 * 1024 * 1024);
    client.socket.resume();
    await expect.poll(() => gateway.counted).toBeGreaterThan(counted);
    client.socket.terminate();
    await expect.poll(() => gateway.log).toContain('counting ended');
  });

  /** The number at which the source waits for the client. */
  async function settledCount(): Promise<number> {
    for (let last = -1; last !== gateway.counted;) {
      last = gateway.counted;
      for (let turns = 0; turns < 200; turns++) await new Promise((resolve) => setImmediate(resolve));
    }
    return gateway.counted;
  }

  it('a thousand of them, and leaves, leaves nothing behind', async () => {
    const client = await RawHubClient.open(farm, server.port);
    const limit = 1000;
    for (let id = 0; id <= limit; id++) client.send(stream(String(id), 'Forever'));
    // One more than may be open.
    expect(await client.completion(String(limit))).toMatchObject({
      error: 'A connection may have 1000 streams at once.',
    });
    client.socket.terminate();
    await expect.poll(() => gateway.log.filter((line) => line === 'forever ended').length).toBe(limit);
    await isServed();
  });
});

describe('a client that uploads', () => {
  it('more than its handler reads is not read from, and is served again afterwards', async () => {
    const client = await RawHubClient.open(farm, server.port);
    client.send({ ...invocation('1', 'Ignore'), streamIds: ['s'] });
    await expect.poll(() => gateway.log).toEqual(['ignores object']);
    for (let item = 0; item < 20; item++) client.send({ type: 2, invocationId: 's', item });
    const [connection] = server.broadcaster.gateway(HubGateway).localConnections;
    await expect.poll(() => connection?.socket.isPaused).toBe(true);
    gateway.stopIgnoring();
    await client.completion('1');
    client.send(invocation('2', 'Echo', 1));
    expect(await client.completion('2')).toMatchObject({ result: 1 });
  });

  it('faster than limits.messagesPerSecond is closed', async () => {
    await start({ limits: { messagesPerSecond: 10 } });
    const client = await RawHubClient.open(farm, server.port);
    client.send({ ...invocation('1', 'Sum'), streamIds: ['s'] });
    for (let item = 0; item < 20; item++) client.send({ type: 2, invocationId: 's', item });
    await client.until(({ closeCode }) => closeCode !== undefined);
    expect(client.frames.at(-1)).toEqual({ type: 7, error: 'Too many messages per second' });
  });

  it('and disconnects ends the handler that waits for more', async () => {
    const client = await RawHubClient.open(farm, server.port);
    client.send({ ...invocation('1', 'Sum', 1), streamIds: ['s'] }, { type: 2, invocationId: 's', item: 1 });
    client.send({ ...invocation('2', 'Echo', 1) });
    await client.completion('2');
    client.socket.terminate();
    await expect.poll(() => gateway.disconnected.length).toBe(1);
    await isServed();
  });
});

it('100,000 negotiations without a connection take no memory', async () => {
  const tokens = new ConnectionTokens('secret', 60_000, Date.now);
  for (let count = 0; count < 1000; count++) negotiate('/hub/negotiate', tokens, '/hub', undefined, true);
  const before = await heapUsed();
  for (let count = 0; count < 100_000; count++)
    negotiate('/hub/negotiate?negotiateVersion=1', tokens, '/hub', undefined, true);
  expect((await heapUsed()) - before).toBeLessThan(1024 * 1024);
}, 60_000);

describe('the keep-alive', () => {
  it('sends pings that clients see, and closes a client that has vanished', async () => {
    await start({ signalr: { keepAliveInterval: 20, clientTimeout: 50 } });
    const client = await RawHubClient.open(farm, server.port);
    await client.until(({ frames }) => frames.length >= 3);
    expect(client.frames.slice(0, 3)).toEqual([{ type: 6 }, { type: 6 }, { type: 6 }]);
    // It neither reads nor answers any more.
    client.socket.pause();
    await expect.poll(() => server.backplane.counters.vanished).toBe(1);
    await expect.poll(() => gateway.disconnected.length).toBe(1);
  });

  it('goes on for clients that receive other messages', async () => {
    await start({ signalr: { keepAliveInterval: 20 } });
    const connection = await startHub(farm, LATEST, server.port);
    for (let count = 0; count < 20; count++) expect(await connection.invoke('Echo', count)).toBe(count);
  });
});

describe('what closes a connection says whether to come back', () => {
  it.each([
    [4000, 'Banned', { type: 7, error: 'Banned' }],
    [1000, '', { type: 7 }],
    [1012, 'Moving', { type: 7, error: 'Moving', allowReconnect: true }],
  ])('disconnect(%i, "%s")', async (code, reason, message) => {
    const client = await RawHubClient.open(farm, server.port);
    await gateway.server.disconnect(code, reason);
    await client.until(({ closeCode }) => closeCode !== undefined);
    expect([client.frames, client.closeCode]).toEqual([[message], code]);
  });

  it('a shutdown', async () => {
    const client = await RawHubClient.open(farm, server.port);
    await server.app.close();
    await client.until(({ closeCode }) => closeCode !== undefined);
    expect([client.frames, client.closeCode]).toEqual([[{ type: 7, allowReconnect: true }], 1001]);
  });

  it('an admission that has expired, for which the client gets a new token', async () => {
    await start({ authenticate: () => ({ expiresAt: new Date(Date.now() + 50) }) });
    const client = await RawHubClient.open(farm, server.port);
    await client.until(({ closeCode }) => closeCode !== undefined);
    expect(client.frames).toEqual([{ type: 7, error: 'Expired', allowReconnect: true }]);
  });

  it('a message of the client that says goodbye', async () => {
    const client = await RawHubClient.open(farm, server.port);
    client.send({ type: 7 });
    await client.until(({ closeCode }) => closeCode !== undefined);
    expect([client.frames, client.closeCode]).toEqual([[{ type: 7 }], 1000]);
  });
});
