import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Session } from '../../lib/adapter/session.js';
import { ConnectionHeartbeat } from '../../lib/adapter/connection-heartbeat.js';
import { Deferred } from '../../lib/bus/deferred.js';
import type { EdgeOptions } from '../../lib/options/edge-options.js';
import type { ChatServer } from '../support/chat-app.js';
import { BUSY_MACHINE_MS } from '../support/busy-machine.js';
import { NotingGateway } from '../support/noting.gateway.js';
import { eventually } from '../support/observe.js';
import { clientFrame, eventFrame, OPCODE, RawClient } from '../support/raw-client.js';
import { idOf, turn, useTestFarm } from '../support/test-farm.js';

const [INTERVAL_MS, TIMEOUT_MS, TICK_MS] = [600, 400, 500];
/** A margin for a busy machine. */
const SLACK_MS = 2000;
const PING = '\x89\x00';

const farm = useTestFarm();
const start = (heartbeat: EdgeOptions['heartbeat'] = { interval: INTERVAL_MS, timeout: TIMEOUT_MS }) =>
  farm.server({ ...farm.options(), heartbeat }, {}, NotingGateway);

/** Connects a client that answers no ping. */
async function openDeaf(server: ChatServer): Promise<RawClient> {
  const client = await RawClient.ask(server, '/chat');
  farm.onEnd(() => client.socket.destroy());
  await client.until('\r\n\r\n');
  return client;
}

describe('a client that vanished', () => {
  it('is cut off after the timeout and within interval + timeout + one tick, and other clients are not', async () => {
    const server = await start();
    const answering = await farm.client(server);
    const sending = await openDeaf(server);
    const traffic = setInterval(() => sending.write(eventFrame('note', 1)), 100);
    const ponging = await openDeaf(server);
    const pongs = setInterval(() => ponging.write(clientFrame('', OPCODE.pong)), 100);
    farm.onEnd(() => [traffic, pongs].forEach(clearInterval));

    // Three rounds, so that the other clients are pinged many times.
    for (let round = 1; round <= 3; round++) {
      const began = performance.now();
      const dead = await openDeaf(server);
      await dead.closed;
      const took = performance.now() - began;
      expect(took).toBeGreaterThanOrEqual(TIMEOUT_MS);
      expect(took).toBeLessThan(INTERVAL_MS + TIMEOUT_MS + TICK_MS + SLACK_MS);
      expect(dead.received).toContain(PING);
      expect(server.backplane.counters.vanished).toBe(round);
    }

    answering.send('who');
    await answering.next('who');
    expect([sending.socket.destroyed, ponging.socket.destroyed]).toEqual([false, false]);
    expect(server.backplane.counters).toMatchObject({ connections: 3, vanished: 3 });
    expect(server.app.get(NotingGateway).notes.filter((note) => note === 'disconnected')).toHaveLength(3);
  });

  it('is cut off even if the timeout is longer than the interval, counted from the first unanswered ping', async () => {
    const server = await start({ interval: 200, timeout: 500 });
    const began = performance.now();
    const dead = await openDeaf(server);
    await dead.closed;
    const took = performance.now() - began;
    expect(took).toBeGreaterThanOrEqual(500);
    expect(took).toBeLessThan(200 + 500 + TICK_MS + SLACK_MS);
    expect(server.backplane.counters.vanished).toBe(1);
  });

  it('is not confused with one that the server does not read because handleConnection is slow', async () => {
    const server = await start();
    const gateway = server.app.get(NotingGateway);
    const hook = new Deferred();
    gateway.onConnection = () => hook.promise;
    const waiting = await farm.client(server);
    // More than Node reads ahead from a paused socket.
    for (let index = 0; index < 10; index++) waiting.send('note', 'x'.repeat(20_000));
    await eventually(() => expect(gateway.notes).toEqual(['connected /chat']));
    gateway.onConnection = () => undefined;

    for (let round = 0; round < 2; round++) await (await openDeaf(server)).closed;
    hook.resolve();

    await waiting.count('noted', 10);
  });

  it('stays connected if the heartbeat is off', async () => {
    const [off, on] = [await start(false), await start()];
    const kept = await openDeaf(off);
    for (let round = 0; round < 2; round++) await (await openDeaf(on)).closed;
    expect(kept.socket.destroyed).toBe(false);
    expect(kept.received).not.toContain(PING);
  });
});

describe('a process that stalls', () => {
  const STALL_MS = 300;

  /** A socket to another thread, which works while this one stalls. It counts in `read` the chunks that it has handled. */
  async function socketTo(peer: 'echoes' | 'is silent', read: Int32Array): Promise<Socket> {
    const handle = peer === 'echoes' ? 'socket.write(bytes, count)' : 'count()';
    // Destroying this end with an unread echo resets the other end. Without an error listener, that would end the test run.
    const code = `const { parentPort, workerData } = require('node:worker_threads');
      const count = () => (Atomics.add(workerData, 0, 1), Atomics.notify(workerData, 0));
      const accept = (socket) => void socket.on('data', (bytes) => ${handle}).on('error', () => undefined);
      const server = require('node:net').createServer(accept);
      server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`;
    const worker = new Worker(code, { eval: true, workerData: read });
    farm.onEnd(() => worker.terminate());
    const [port] = (await once(worker, 'message')) as [number];
    const socket = connect(port, '127.0.0.1')
      .on('error', () => undefined)
      .resume();
    farm.onEnd(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  }

  it.each(['echoes', 'is silent'] as const)(
    'reads pending data before it judges a client that %s',
    async (peer) => {
      const read = new Int32Array(new SharedArrayBuffer(4));
      const socket = await socketTo(peer, read);
      const vanished = new Deferred();
      const pinged = new Deferred();
      const heartbeat = new ConnectionHeartbeat(50, 100, { vanished: 0 });
      farm.onEnd(() => heartbeat.close());
      let pings = 0;
      const ping = (): void => {
        const before = Atomics.load(read, 0);
        socket.write('ping');
        if (++pings === 3) pinged.resolve();
        setImmediate(() => {
          // Block until the other thread has handled the ping, however busy the machine is, and then longer than the timeout.
          Atomics.wait(read, 0, before, BUSY_MACHINE_MS);
          Atomics.wait(read, 0, Atomics.load(read, 0), STALL_MS);
        });
      };
      const terminate = (): void => vanished.resolve();
      const session = { isSocketOpen: true, dialect: { ping }, socket: { terminate, isPaused: false } };
      Object.defineProperty(session, 'bytesRead', { get: () => socket.bytesRead });
      heartbeat.add(session as unknown as Session);

      const outcome = Promise.race([
        vanished.promise.then(() => 'vanished'),
        pinged.promise.then(() => 'alive'),
      ]);
      expect(await outcome).toBe(peer === 'echoes' ? 'alive' : 'vanished');
    },
  );
});

describe('pings', () => {
  afterEach(() => vi.useRealTimers());

  it.each([
    [1000, 5000],
    [10_000, 25_000],
  ])(
    'to %d connections are spread over the interval of %d ms, one per connection',
    async (count, intervalMs) => {
      vi.useFakeTimers({
        toFake: ['setInterval', 'clearInterval', 'performance'],
      });
      let inTick = 0;
      const pings = new Map<number, number>();
      const counters = { vanished: 0 };
      const heartbeat = new ConnectionHeartbeat(intervalMs, 1000, counters);
      for (let index = 0; index < count; index++) {
        const ping = (): void => {
          inTick++;
          pings.set(index, (pings.get(index) ?? 0) + 1);
        };
        let bytesRead = 0;
        const session = { isSocketOpen: true, dialect: { ping }, socket: { isPaused: false } };
        Object.defineProperty(session, 'bytesRead', { get: () => bytesRead++ });
        heartbeat.add(session as unknown as Session);
      }

      const ticks: number[] = [];
      while (ticks.length < intervalMs / TICK_MS) {
        inTick = 0;
        vi.advanceTimersByTime(TICK_MS);
        await turn();
        ticks.push(inTick);
      }
      heartbeat.close();
      expect(counters.vanished).toBe(0);

      expect(Math.max(...ticks)).toBeLessThanOrEqual((2 * count * TICK_MS) / intervalMs);
      expect(pings.size).toBe(count);
      expect(new Set(pings.values())).toEqual(new Set([1]));
    },
  );
});

@WebSocketGateway({ path: '/chat' })
class PingGateway {
  @SubscribeMessage('ping')
  ping(@MessageBody() data: unknown) {
    return { event: 'my pong', data };
  }
}

describe('a `ping` message, for browsers', () => {
  it('is answered with pong, or with a reply if it has an id', async () => {
    const client = await farm.client(await farm.server());
    client.send('ping');
    expect(await client.next()).toEqual({ event: 'pong' });
    client.send('ping', undefined, 'p1');
    expect(await client.next()).toEqual({ id: 'p1', data: 'pong' });
    await idOf(client);
  });

  it('is left to the gateway if it has its own handler for ping', async () => {
    const client = await farm.client(await farm.server(farm.options(), {}, PingGateway));
    client.send('ping', 1);
    expect(await client.next()).toEqual({ event: 'my pong', data: 1 });
    client.send('ping', 2, 7);
    expect(await client.next()).toEqual({ id: 7, data: 2 });
  });
});
