import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { argumentList } from '../../../lib/protocol/argument-list.js';
import type { ChatServer } from '../../support/chat-app.js';
import { HubGateway } from '../../support/hub.gateway.js';
import { HAS_ACK } from '../../support/nest-release.js';
import { type AcquiredRedis, acquireRedis } from '../../support/redis-server.js';
import {
  GENERATIONS,
  type Generation,
  type HubConnection,
  hubConnection,
  itemsOf,
  startHub,
  uploader,
} from '../../support/signalr-clients.js';
import { useTestFarm } from '../../support/test-farm.js';

const farm = useTestFarm();
let redis: AcquiredRedis;
beforeAll(async () => void (redis = await acquireRedis()));
afterAll(() => redis.stop());

type Encoded = Generation & { readonly encoding: 'JSON' | 'MessagePack' };

const CLIENTS: readonly Encoded[] = GENERATIONS.flatMap((generation): Encoded[] => [
  { ...generation, encoding: 'JSON' },
  ...(generation.msgpack ? [{ ...generation, encoding: 'MessagePack' as const }] : []),
]);

function hubServer(options: object = {}): Promise<ChatServer> {
  return farm.server(
    { ...farm.options(redis.url), protocols: ['json', 'msgpack'], signalr: true, ...options },
    {},
    HubGateway,
  );
}

function start(client: Encoded, { port }: ChatServer): Promise<HubConnection> {
  return startHub(farm, client, port, { isBinary: client.encoding === 'MessagePack' });
}

/** Resolves with the arguments of the next event. */
function next(connection: HubConnection, target: string): Promise<unknown[]> {
  return new Promise((resolve) => connection.on(target, (...args: unknown[]) => resolve(args)));
}

describe.each(CLIENTS)('Microsoft’s client $version with $encoding', (client) => {
  it('gets the result of a handler', async () => {
    const connection = await start(client, await hubServer());
    expect(await connection.invoke('Echo', { text: 'größe', list: [1, null] })).toEqual({
      text: 'größe',
      list: [1, null],
    });
    expect(await connection.invoke('Nothing')).toBeNull();
  });

  it('passes several arguments, and none', async () => {
    const connection = await start(client, await hubServer());
    expect(await connection.invoke('Add', 2, 3)).toBe(5);
    expect(await connection.invoke('Echo', 1, 'two')).toEqual([1, 'two']);
    expect(await connection.invoke('Count')).toBe(0);
    expect(await connection.invoke('Count', [1, 2, 3])).toBe(1);
  });

  it('finds a handler in any letter case', async () => {
    const connection = await start(client, await hubServer());
    expect(await connection.invoke('echo', 1)).toBe(1);
  });

  it.each([
    ['Nowhere', [], "Unknown hub method 'Nowhere'"],
    [
      'Fail',
      ['no such room'],
      "An unexpected error occurred invoking 'Fail' on the server. HubException: no such room",
    ],
    ['Crash', [], "An unexpected error occurred invoking 'Crash' on the server."],
    ['Forbidden', [], "Failed to invoke 'Forbidden' because user is unauthorized"],
    [
      'Lines',
      [1],
      "The client attempted to invoke the streaming 'Lines' method with a non-streaming invocation.",
    ],
  ])('gets the error of %s', async (target, args, message) => {
    const connection = await start(client, await hubServer());
    await expect(connection.invoke(target, ...args)).rejects.toThrow(message);
    // The connection goes on.
    expect(await connection.invoke('Echo', 1)).toBe(1);
  });

  it.runIf(HAS_ACK)('gets what a handler acknowledges', async () => {
    const connection = await start(client, await hubServer());
    expect(await connection.invoke('Acknowledge', 'it')).toBe('got it');
  });

  it('gets emits to its group from another server, as other clients do', async () => {
    const [near, far] = [await hubServer(), await hubServer()];
    const connection = await start(client, near);
    const plain = await farm.client(far, '/hub');
    const sender = await start(client, far);
    await connection.invoke('Join', 'room');
    plain.send('Join', ['room'], 1);
    await plain.next();
    const received = next(connection, 'Said');
    await sender.invoke('SendToGroup', 'room', 'hello');
    expect(await received).toEqual(['hello']);
    expect(await plain.next('Said')).toMatchObject({ event: 'Said', data: 'hello' });
  });

  it('gets several arguments from another server, which a plain client gets as an array', async () => {
    const [near, far] = [await hubServer(), await hubServer()];
    const connection = await start(client, near);
    const plain = await farm.client(near, '/hub');
    const received = next(connection, 'Moved');
    await far.broadcaster.gateway(HubGateway).send('Moved', 'knight', { to: [7, 3] }, null);
    expect(await received).toEqual(['knight', { to: [7, 3] }, null]);
    expect(await plain.next('Moved')).toEqual({ event: 'Moved', data: ['knight', { to: [7, 3] }, null] });

    const one = next(connection, 'List');
    await far.broadcaster.gateway(HubGateway).emit('List', [1, 2]);
    expect(await one).toEqual([[1, 2]]);
  });

  it('gets an event without data as a call without arguments', async () => {
    const server = await hubServer();
    const connection = await start(client, server);
    const received = next(connection, 'Bell');
    await server.broadcaster.gateway(HubGateway).emit('Bell');
    expect(await received).toEqual([]);
  });

  it('reads streams: an Observable and an async iterable', async () => {
    const connection = await start(client, await hubServer());
    expect(await itemsOf(connection.stream('Numbers', 3))).toEqual([1, 2, 3]);
    expect(await itemsOf(connection.stream('Lines', 2))).toEqual(['line 1', 'line 2']);
    expect(await itemsOf(connection.stream('Numbers', 0))).toEqual([]);
  });

  it('gets the error of a stream after its items', async () => {
    const connection = await start(client, await hubServer());
    const text = 'An error occurred on the server while streaming results. HubException: out of';
    await expect(itemsOf(connection.stream('BrokenStream'))).rejects.toThrow(`${text} numbers`);
    await expect(itemsOf(connection.stream('BrokenLines'))).rejects.toThrow(`${text} lines`);
    await expect(itemsOf(connection.stream('Echo', 1))).rejects.toThrow(
      "The client attempted to invoke the non-streaming 'Echo' method with a streaming invocation.",
    );
  });

  it('cancels a stream', async () => {
    const server = await hubServer();
    const { log } = server.app.get(HubGateway);
    const connection = await start(client, server);
    await new Promise<void>((resolve) => {
      const subscription = connection.stream('Forever').subscribe({
        next: () => {
          subscription.dispose();
          resolve();
        },
        error: () => undefined,
        complete: () => undefined,
      });
    });
    await expect.poll(() => log).toEqual(['aborted', 'forever ended']);
    expect(await connection.invoke('Echo', 1)).toBe(1);
  });

  it('ends its streams and calls by disconnecting', async () => {
    const server = await hubServer();
    const { log, disconnected } = server.app.get(HubGateway);
    const connection = await start(client, server);
    connection.invoke('Wait').catch(() => undefined);
    connection
      .stream('Forever')
      .subscribe({ next: () => undefined, error: () => undefined, complete: () => undefined });
    await expect.poll(() => log).toEqual(['waits']);
    await connection.stop();
    await expect.poll(() => log.toSorted()).toEqual(['aborted', 'canceled', 'forever ended', 'waits']);
    await expect.poll(() => disconnected.length).toBe(1);
  });
});

describe.each(CLIENTS.filter(({ hasUploads }) => hasUploads))(
  'Microsoft’s client $version with $encoding',
  (client) => {
    it('uploads streams', async () => {
      const connection = await start(client, await hubServer());
      const numbers = uploader<number>(client);
      const sum = connection.invoke('Sum', numbers, 100);
      for (let number = 1; number <= 50; number++) numbers.next(number);
      numbers.complete();
      expect(await sum).toBe(100 + 1275);

      // Microsoft's client overlooks a stream that directly follows another one.
      const [a, b] = [uploader<string>(client), uploader<string>(client)];
      const zipped = itemsOf(connection.stream('Zip', a, 'between', b));
      for (const [one, other] of ['ax', 'by'] as const) {
        a.next(one as string);
        b.next(other as string);
      }
      a.complete();
      b.complete();
      expect(await zipped).toEqual(['ax', 'by']);
    });

    it('fails an upload, and learns that a handler expects more of them', async () => {
      const connection = await start(client, await hubServer());
      const numbers = uploader<number>(client);
      const sum = connection.invoke('Sum', numbers);
      numbers.error('broken pipe');
      await expect(sum).rejects.toThrow('HubException: broken pipe');
      await expect(connection.invoke('Sum', 1)).rejects.toThrow(
        'HubException: Client sent 0 stream(s), Hub method expects 1.',
      );
    });

    it('stays away after it was disconnected, and comes back after its server has shut down', async () => {
      const [server, other] = [await hubServer(), await hubServer()];
      const connection = hubConnection(farm, client, server.port, {
        isBinary: client.encoding === 'MessagePack',
        reconnectDelays: [0, 0, 0],
      });
      const closed = new Promise<Error | undefined>((resolve) => connection.onclose(resolve));
      await connection.start();
      const { id } = await connection.invoke<{ id: string }>('Id');
      await other.broadcaster.gateway(HubGateway).connection(id).disconnect(4000, 'Banned');
      expect(String(await closed)).toContain('Server returned an error on close: Banned');

      const again = hubConnection(farm, client, other.port, {
        isBinary: client.encoding === 'MessagePack',
        reconnectDelays: [0, 0, 0],
      });
      const reconnecting = new Promise<void>((resolve) => again.onreconnecting?.(() => resolve()));
      await again.start();
      await other.app.close();
      await reconnecting;
    });
  },
);

describe.each(CLIENTS.filter(({ hasClientResults }) => hasClientResults))(
  'Microsoft’s client $version with $encoding',
  (client) => {
    it('answers a call from another server', async () => {
      const [near, far] = [await hubServer(), await hubServer()];
      const [asker, asked] = [await start(client, near), await start(client, far)];
      asked.on('Question', (question: string) => `${question}? Yes.`);
      const { id } = await asked.invoke<{ id: string }>('Id');
      expect(id).toBe(asked.connectionId);
      expect(await asker.invoke('Ask', id, 'Really')).toBe('Really? Yes.');
    });

    it('answers a call with several arguments', async () => {
      const [near, far] = [await hubServer(), await hubServer()];
      const connection = await start(client, near);
      connection.on('Add', (a: number, b: number) => a + b);
      const { id } = await connection.invoke<{ id: string }>('Id');
      const target = far.broadcaster.gateway(HubGateway).connection(id);
      expect(await target.invoke('Add', argumentList(40, 2))).toBe(42);
    });

    it('answers a call with an error, which stays on the server', async () => {
      const server = await hubServer();
      const connection = await start(client, server);
      connection.on('Question', () => {
        throw new Error('no idea');
      });
      const { id } = await connection.invoke<{ id: string }>('Id');
      await expect(
        server.broadcaster.gateway(HubGateway).connection(id).invoke('Question'),
      ).rejects.toMatchObject({
        name: 'ClientResultError',
        error: expect.stringContaining('no idea') as string,
      });
    });
  },
);
