import { connect, type Socket } from 'node:net';
import { Logger, type Type } from '@nestjs/common';
import { WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { Deferred } from '../../lib/bus/deferred.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import type { ChatServer } from '../support/chat-app.js';
import { portOfNobody } from '../support/free-ports.js';
import { eventually } from '../support/observe.js';
import { RawClient } from '../support/raw-client.js';
import { startRedis } from '../support/redis-server.js';
import { useTestFarm } from '../support/test-farm.js';

const SHUTDOWN_TIMEOUT = 500;
/** The time that the shutdown may take beyond the option: half a second for the goodbye, half a second for the links. */
const REDIS_MS = 1000;
/** A margin for a busy machine with two cores. */
const SLACK_MS = 4000;

const farm = useTestFarm();
const forever = (): Promise<void> => new Promise(() => undefined);

let warnings: MockInstance<Logger['warn']>;
beforeEach(() => {
  warnings = vi.spyOn(Logger.prototype, 'warn');
});
afterEach(() => warnings.mockRestore());
const warned = (): string[] =>
  warnings.mock.calls.map(([message]) => String(message)).filter((m) => /did not finish within/.test(m));

@WebSocketGateway({ path: '/chat' })
class HookedGateway {
  @WebSocketServer() readonly server!: Broadcaster;
  connected = 0;
  disconnected = 0;
  onConnection: () => unknown = () => undefined;
  onDisconnection: () => unknown = () => undefined;

  handleConnection(): unknown {
    this.connected++;
    return this.onConnection();
  }

  handleDisconnect(): unknown {
    this.disconnected++;
    return this.onDisconnection();
  }
}

interface Hooked {
  readonly server: ChatServer;
  readonly gateway: HookedGateway;
}

async function start(
  options: RedisBackplaneOptions = {},
  type: Type<HookedGateway> = HookedGateway,
): Promise<Hooked> {
  const all = { ...farm.options(), shutdownTimeout: SHUTDOWN_TIMEOUT, ...options };
  const server = await farm.server(all, {}, type);
  return { server, gateway: server.app.get(type) };
}

async function timeOf(action: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await action();
  return performance.now() - began;
}

async function tcp(port: number, bytes: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  farm.onEnd(() => socket.destroy());
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
  return socket;
}

describe('app.close() with a shutdownTimeout', () => {
  it('gives up on a handleConnection that never returns, and logs which one', async () => {
    const { server, gateway } = await start();
    gateway.onConnection = forever;
    const clients = [await farm.client(server), await farm.client(server)];
    await eventually(() => expect(gateway.connected).toBe(2));

    const took = await timeOf(() => server.app.close());

    expect(took).toBeLessThan(SHUTDOWN_TIMEOUT + SLACK_MS);
    // The close handshake completes although `handleConnection` has not returned.
    for (const { closed } of clients) expect(await closed).toMatchObject({ code: 1001 });
    expect(warned()).toEqual([
      'handleConnection of HookedGateway did not finish within shutdownTimeout (500 ms) for 2 clients of /chat. The shutdown continues without it.',
    ]);
  });

  it('gives up on a handleDisconnect that never returns, even for a client that had left before', async () => {
    const { server, gateway } = await start();
    gateway.onDisconnection = forever;
    await (await farm.client(server)).close();
    await eventually(() => expect(gateway.disconnected).toBe(1));

    const took = await timeOf(() => server.app.close());

    expect(took).toBeGreaterThan(SHUTDOWN_TIMEOUT - 50);
    expect(took).toBeLessThan(SHUTDOWN_TIMEOUT + SLACK_MS);
    expect(warned()).toMatchObject([/^handleDisconnect of HookedGateway .* 1 client of /]);
  });

  it('cuts off clients that ignore the close frame, and still awaits their handleDisconnect', async () => {
    const { server, gateway } = await start({ shutdownTimeout: 1000 });
    let ended = 0;
    gateway.onDisconnection = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      ended++;
    };
    const deaf = await RawClient.ask(server, '/chat');
    await deaf.until('\r\n\r\n');

    const took = await timeOf(() => server.app.close());

    expect(took).toBeLessThan(1000 + SLACK_MS);
    await deaf.closed;
    expect(ended).toBe(1);
    expect(warned()).toEqual([]);
  });

  it('has one deadline for all paths and ports, even if a hook hangs on each', async () => {
    const port = await portOfNobody();
    @WebSocketGateway({ path: '/other' })
    class OtherGateway extends HookedGateway {
      override onDisconnection = forever;
    }
    @WebSocketGateway(port, { path: '/chat' })
    class PortGateway extends HookedGateway {
      override onDisconnection = forever;
    }
    const options = { ...farm.options(), shutdownTimeout: SHUTDOWN_TIMEOUT };
    const server = await farm.server(options, { providers: [OtherGateway, PortGateway] }, HookedGateway);
    server.app.get(HookedGateway).onDisconnection = forever;
    await farm.client(server);
    await farm.client(server, '/other');
    await farm.client({ port });

    const took = await timeOf(() => server.app.close());

    expect(took).toBeLessThan(SHUTDOWN_TIMEOUT + SLACK_MS);
    expect(warned()).toHaveLength(3);
  });

  it('does not wait for silent connections or incomplete requests on a gateway’s own port', async () => {
    const port = await portOfNobody();
    @WebSocketGateway(port, { path: '/chat' })
    class PortGateway extends HookedGateway {}
    const { server } = await start({}, PortGateway);
    const sockets = [
      await tcp(port, ''),
      await tcp(port, 'GET /chat HT'),
      await tcp(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n'),
    ];
    const closed = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));

    const took = await timeOf(() => server.app.close());

    expect(took).toBeLessThan(SHUTDOWN_TIMEOUT + SLACK_MS);
    await Promise.all(closed);
  });

  it('refuses a client whose verifyClient never decides, and does not wait for it', async () => {
    const undecided: unknown[] = [];
    // With one parameter, `ws` would use the return value as the decision.
    const verifyClient = (info: unknown, decide: unknown): unknown => undecided.push({ info, decide });
    @WebSocketGateway({ path: '/chat', verifyClient })
    class UndecidedGateway extends HookedGateway {}
    const { server, gateway } = await start({}, UndecidedGateway);
    const waiting = await RawClient.ask(server, '/chat');
    await eventually(() => expect(undecided).toHaveLength(1));

    const took = await timeOf(() => server.app.close());

    expect(took).toBeLessThan(SHUTDOWN_TIMEOUT + SLACK_MS);
    await waiting.closed;
    expect(waiting.received).toMatch(/^HTTP\/1.1 503 /);
    expect(gateway.connected).toBe(0);
  });

  it('cuts off a client that was refused with a close code and does not answer it', async () => {
    const { server } = await start({ authenticate: () => null, refusal: 'closeCode' });
    const refused = await RawClient.ask(server, '/chat');
    await refused.until('Refused');

    const took = await timeOf(() => server.app.close());

    expect(took).toBeLessThan(SHUTDOWN_TIMEOUT + SLACK_MS);
    await refused.closed;
  });

  it('refuses a client whose authenticate never settles, and does not wait for it', async () => {
    let calls = 0;
    const { server } = await start({
      authenticate: () => {
        calls++;
        return new Promise(() => undefined);
      },
    });
    const waiting = await RawClient.ask(server, '/chat');
    await eventually(() => expect(calls).toBe(1));

    const took = await timeOf(() => server.app.close());

    expect(took).toBeLessThan(SHUTDOWN_TIMEOUT + SLACK_MS);
    await waiting.closed;
    expect(waiting.received).toMatch(/^HTTP\/1.1 503 /);
  });
});

describe('if Redis freezes', () => {
  async function startOnRedis(
    publishTimeout = 300,
    shutdownTimeout = 3000,
  ): Promise<Hooked & { readonly freeze: () => void }> {
    const redis = await startRedis();
    farm.onEnd(() => redis.stop());
    const connection = `${redis.url}?publishTimeoutMs=${publishTimeout}`;
    const hooked = await start({ ...farm.options(connection), shutdownTimeout });
    return { ...hooked, freeze: () => redis.freeze() };
  }

  it('just before app.close(), an emit in handleDisconnect fails after publishTimeout and the app closes', async () => {
    const { server, gateway, freeze } = await startOnRedis();
    const outcomes: unknown[] = [];
    gateway.onDisconnection = () =>
      gateway.server.emit('left').catch((error: unknown) => outcomes.push(error));
    const client = await farm.client(server);
    freeze();

    const took = await timeOf(() => server.app.close());

    expect(outcomes).toMatchObject([
      { name: 'PublishOutcomeUnknownError', message: /did not answer within 300 ms/ },
    ]);
    expect(await client.closed).toMatchObject({ code: 1001 });
    expect(took).toBeLessThan(300 + REDIS_MS + 2 * SLACK_MS);
    expect(warned()).toEqual([]);
  });

  it('just after app.close(), an emit in handleConnection fails after publishTimeout and the app closes', async () => {
    const { server, gateway, freeze } = await startOnRedis();
    const outcomes: unknown[] = [];
    const frozen = new Deferred();
    gateway.onConnection = async () => {
      await frozen.promise;
      await gateway.server.emit('came').catch((error: unknown) => outcomes.push(error));
    };
    await farm.client(server);
    await eventually(() => expect(gateway.connected).toBe(1));

    const took = await timeOf(() => {
      const closed = server.app.close();
      freeze();
      frozen.resolve();
      return closed;
    });

    expect(outcomes).toMatchObject([{ name: 'PublishOutcomeUnknownError' }]);
    expect(took).toBeLessThan(300 + REDIS_MS + 2 * SLACK_MS);
  });

  it('an emit with a publishTimeout longer than the shutdown has failed once the app has closed', async () => {
    const { server, gateway, freeze } = await startOnRedis(60_000, 300);
    const outcomes: Promise<unknown>[] = [];
    gateway.onDisconnection = () => {
      const emit = gateway.server.emit('left');
      outcomes.push(emit.catch((error: unknown) => error));
      return emit;
    };
    await farm.client(server);
    freeze();

    const took = await timeOf(() => server.app.close());

    expect(took).toBeLessThan(300 + REDIS_MS + SLACK_MS);
    expect(await Promise.all(outcomes)).toMatchObject([{ name: 'PublishOutcomeUnknownError' }]);
  });

  it('an emit during the goodbye to the peers fails too', async () => {
    const { server, freeze } = await startOnRedis(50);
    freeze();
    const closed = server.app.close();
    await eventually(() => expect(server.backplane.readiness().up).toBe(false));
    const emits = Array.from({ length: 5 }, () =>
      server.broadcaster.emit('late').catch((error: unknown) => error),
    );

    await closed;

    for (const error of await Promise.all(emits))
      expect(['NotPublishedError', 'PublishOutcomeUnknownError']).toContain((error as Error).name);
  });
});
