import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ChatServer } from '../support/chat-app.js';
import { eventually } from '../support/observe.js';
import { delivered, idOf, join, onlyConnection, turn, useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

const KB = 1024;
const BUFFERED_BYTES = 256 * KB;
/** More than the kernels buffer for a socket at both ends, plus our own limit. */
const FLOOD_BYTES = 40 * KB * KB;

const farm = useTestFarm();
const start = (bufferedBytes = BUFFERED_BYTES): Promise<ChatServer> =>
  farm.server({ ...farm.options(), limits: { bufferedBytes } });

/** The largest number of bytes that are pending for one connection of the server. */
function mostBuffered({ broadcaster }: ChatServer): number {
  return Math.max(0, ...[...broadcaster.localConnections].map(({ socket }) => socket.bufferedAmount));
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

describe('a client that stops reading', () => {
  const text = 'x'.repeat(32 * KB);

  it('costs bounded memory, and is closed with 1013', async () => {
    const server = await start();
    const client = await farm.client(server);
    await idOf(client);
    const { socket } = onlyConnection(server);
    client.socket.pause();

    let [most, emitted] = [0, 0];
    while (server.backplane.counters.tooSlow === 0 && emitted * text.length < FLOOD_BYTES) {
      await server.broadcaster.emit('text', `${emitted++}:${text}`);
      await turn();
      most = Math.max(most, socket.bufferedAmount);
    }

    expect(most).toBeGreaterThan(BUFFERED_BYTES / 2);
    expect(most).toBeLessThan(BUFFERED_BYTES + 2 * text.length);
    expect(server.backplane.counters).toMatchObject({ tooSlow: 1, volatileDropped: 0 });
    client.socket.resume();
    expect(await client.closed).toEqual({ code: 1013, reason: 'Too slow' });
    // It received the messages from the first one on without a gap.
    const received = client.dataOf('text') as string[];
    expect(received.map((data) => parseInt(data))).toEqual(received.map((_, index) => index));
  });

  it('is cut off if it does not read the close frame either', async () => {
    const server = await start();
    const client = await farm.client(server);
    await idOf(client);
    client.socket.pause();

    while (server.backplane.counters.tooSlow === 0) {
      await server.broadcaster.emit('text', text);
      await turn();
    }

    await eventually(() => expect(server.backplane.counters.connections).toBe(0));
    expect([...server.broadcaster.localConnections]).toEqual([]);
  });

  it('misses volatile messages and stays connected', async () => {
    const server = await start();
    const client = await farm.client(server);
    await idOf(client);
    client.socket.pause();

    let emitted = 0;
    while (server.backplane.counters.volatileDropped < 100) {
      await server.broadcaster.volatile.emit('text', `${emitted++}:${text}`);
      await turn();
    }
    expect(mostBuffered(server)).toBeLessThan(BUFFERED_BYTES);
    client.socket.resume();

    await delivered(server, client);
    expect(client.dataOf('text')).toHaveLength(emitted - 100);
    expect(server.backplane.counters).toMatchObject({ tooSlow: 0, connections: 1 });
  });

  it('misses volatile messages and stays connected with a bufferedBytes of less than 64 KiB', async () => {
    const server = await start(KB);
    const client = await farm.client(server);
    await idOf(client);

    // All in one turn, because nothing is written before its end.
    for (let index = 0; index < 20; index++) void server.broadcaster.volatile.emit('text', 'x'.repeat(200));

    await turn();
    await delivered(server, client);
    expect(server.backplane.counters).toMatchObject({ tooSlow: 0, connections: 1 });
    expect(server.backplane.counters.volatileDropped).toBeGreaterThan(10);
    expect(client.dataOf('text')).toHaveLength(20 - server.backplane.counters.volatileDropped);
  });
});

describe('a hundred readers', () => {
  const [READERS, STOPPED, ROUNDS] = [100, 5, 250];

  /** Resolves with the milliseconds from each emit to each reader. Stopped clients get so much that they fall behind. */
  async function load(server: ChatServer, readers: WsClient[], toStopped: string): Promise<number[]> {
    const latencies: number[] = [];
    for (const { socket } of readers) {
      socket.removeAllListeners('message');
      let expected = 0;
      socket.on('message', (bytes: Buffer) => {
        const { data } = JSON.parse(bytes.toString()) as { data: [round: number, at: number] };
        // Anything out of order or missing leaves the count short.
        if (data[0] === expected++) latencies.push(performance.now() - data[1]);
      });
    }
    const { broadcaster } = server;
    for (let round = 0; round < ROUNDS; round++) {
      if (toStopped) void broadcaster.group('stopped').emit('text', toStopped);
      void broadcaster.group('readers').emit('round', [round, performance.now(), 'x'.repeat(500)]);
      await delay(1);
      expect(mostBuffered(server)).toBeLessThan(BUFFERED_BYTES + 2 * toStopped.length + 2 * KB);
    }
    await eventually(() => expect(latencies).toHaveLength(READERS * ROUNDS));
    return latencies;
  }

  async function connect(server: ChatServer, count: number, group: string): Promise<WsClient[]> {
    const clients = await Promise.all(Array.from({ length: count }, () => farm.client(server)));
    await Promise.all(clients.map((client) => join(client, group)));
    return clients;
  }

  it(
    'receive everything in order and without delay, alongside five that stopped reading',
    { timeout: 60_000 },
    async () => {
      const server = await start();
      const readers = await connect(server, READERS, 'readers');
      const alone = median(await load(server, readers, ''));
      for (const { socket } of await connect(server, STOPPED, 'stopped')) socket.pause();

      const beside = median(await load(server, readers, 'x'.repeat(96 * KB)));

      expect(server.backplane.counters.tooSlow).toBe(STOPPED);
      await eventually(() => expect([...server.broadcaster.localConnections]).toHaveLength(READERS));
      // If readers waited for the stopped clients, each round would be late by much more than this.
      expect(beside).toBeLessThan(5 * alone + 100);
    },
  );
});
