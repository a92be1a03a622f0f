import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocketGateway } from '@nestjs/websockets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bus } from '../../lib/bus/bus.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { BUS } from '../../lib/redis-backplane.providers.js';
import type { GoodbyeReport } from '../servers/goodbye-server.js';
import { type ServerProcess, startServerProcess } from '../servers/server-process.js';
import { useRedis } from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { compiledServer } from '../support/compiled-server.js';
import { eventually } from '../support/observe.js';
import { RawClient } from '../support/raw-client.js';
import { RedisInspector } from '../support/redis-inspector.js';
import { useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

const CLIENTS = 2000;
/** How long the adapter lets `ws` wait for the client's close frame. */
const WS_CLOSE_TIMEOUT_MS = 2000;

const farm = useTestFarm();

/** Broadcasts the numbers from 0 on, one after the other, until it is stopped. */
class Emits {
  /** How many emits Redis has accepted so far. */
  accepted = 0;
  private stopped = false;
  private readonly running: Promise<void>;

  constructor(private readonly server: ChatServer) {
    this.running = this.run();
    // stop() rejects with the error.
    this.running.catch(() => undefined);
  }

  stop(): Promise<void> {
    this.stopped = true;
    return this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      expect((await this.server.broadcaster.emit('n', this.accepted)).backplane).toBe('accepted');
      this.accepted++;
      await delay(5);
    }
  }
}

describe('SIGTERM to a process with enableShutdownHooks', () => {
  const redis = useRedis({ own: true });
  let inspector: RedisInspector;
  beforeAll(() => {
    inspector = new RedisInspector(redis.url);
  });
  afterAll(() => inspector.close());

  async function startProcess(
    { channelPrefix: prefix = '' }: RedisBackplaneOptions,
    ...args: string[]
  ): Promise<ServerProcess> {
    const script = compiledServer('goodbye-server');
    const server = await startServerProcess(script, { connection: redis.url, prefix, args });
    farm.onEnd(() => server.child.kill('SIGKILL'));
    return server;
  }

  async function connect(server: ServerProcess, count: number): Promise<WsClient[]> {
    const clients: WsClient[] = [];
    while (clients.length < count) {
      const batch = Array.from({ length: Math.min(200, count - clients.length) }, () => farm.client(server));
      clients.push(...(await Promise.all(batch)));
    }
    return clients;
  }

  const redisClients = async (): Promise<string[]> =>
    [...String(await inspector.client.client('LIST')).matchAll(/^id=(\d+)/gm)].map(([, id]) => id ?? '');

  it(`closes ${CLIENTS} clients with 1001 after delivering what Redis had accepted, while another server emits`, async () => {
    const options = farm.options(redis.url);
    const peer = await farm.server(options);
    const before = await redisClients();
    const server = await startProcess(options);
    const clients = await connect(server, CLIENTS);
    const staying = await farm.client(peer);
    await eventually(() => expect(peer.backplane.delivery().servers).toBe(1));

    const emits = new Emits(peer);
    await clients[0]?.count('n', 20);

    const report = once(server.child, 'message') as Promise<[GoodbyeReport]>;
    const { accepted } = emits;
    server.child.kill('SIGTERM');
    await eventually(() => expect(peer.backplane.delivery().servers).toBe(0));
    // The peer knows from the goodbye, not from silence.
    expect([...peer.app.get<Bus>(BUS).peers.silent]).toEqual([]);

    expect(await server.exited).toEqual([null, 'SIGTERM']);
    await emits.stop();
    const codes = new Map<number, number>();
    for (const { closed } of clients) {
      const { code } = await closed;
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    expect([...codes]).toEqual([[1001, CLIENTS]]);
    for (const client of clients) {
      const numbers = client.dataOf('n') as number[];
      expect(numbers).toEqual(numbers.map((_, index) => index));
      expect(numbers.length).toBeGreaterThanOrEqual(accepted);
    }
    expect((await report)[0]).toEqual({
      disconnected: CLIENTS,
      hooksEnded: CLIENTS,
      readyAtFirstDisconnect: false,
      readyBeforeClients: false,
    });
    await eventually(() => expect(staying.dataOf('n')).toHaveLength(emits.accepted));
    expect(await redisClients()).toEqual(before);
  }, 60_000);

  it('leaves no open handle, so the process exits by itself with 0 while another server emits', async () => {
    const options = farm.options(redis.url);
    const peer = await farm.server(options);
    const server = await startProcess(options, 'by-itself');
    const clients = await connect(server, 20);
    const emits = new Emits(peer);
    await clients[0]?.count('n', 5);

    server.child.kill('SIGTERM');

    expect(await server.exited).toEqual([0, null]);
    await emits.stop();
    for (const { closed } of clients) expect(await closed).toMatchObject({ code: 1001 });
  });
});

@WebSocketGateway({ path: '/chat' })
class SlowDisconnectGateway {
  begun = 0;
  ended = 0;

  async handleDisconnect(): Promise<void> {
    this.begun++;
    await delay(100);
    this.ended++;
  }
}

describe('when the app closes', () => {
  it('handleDisconnect is awaited, even for a client that had left before', async () => {
    const server = await farm.server(farm.options(), {}, SlowDisconnectGateway);
    const gateway = server.app.get(SlowDisconnectGateway);
    const leaving = await farm.client(server);
    await leaving.close();
    await eventually(() => expect(gateway.begun).toBe(1));

    await server.app.close();

    expect(gateway).toMatchObject({ begun: 1, ended: 1 });
  });

  it('a client that does not answer the close frame is cut off after shutdownTimeout', async () => {
    const server = await farm.server({ ...farm.options(), shutdownTimeout: 100 });
    const deaf = await RawClient.ask(server, '/chat');
    await deaf.until('\r\n\r\n');

    const began = performance.now();
    await server.app.close();

    // With the default of five seconds, `ws` would give up first, after WS_CLOSE_TIMEOUT_MS.
    expect(performance.now() - began).toBeLessThan(WS_CLOSE_TIMEOUT_MS);
    await deaf.closed;
  });
});
