import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Type } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import type { Admission } from '../../lib/options/authenticate.js';
import type { ChatServer } from '../support/chat-app.js';
import { NotingGateway } from '../support/noting.gateway.js';
import { eventually } from '../support/observe.js';
import { refusal } from '../support/raw-client.js';
import { acquireRedis, type AcquiredRedis } from '../support/redis-server.js';
import { useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

const HOUR_MS = 3_600_000;
const inMs = (ms: number): Date => new Date(Date.now() + ms);

@WebSocketGateway({ path: '/chat' })
class RenewingGateway {
  /** Applied to each new connection. All in one turn, so that nothing can happen between two renewals. */
  renewals: readonly (Date | null)[] = [];

  handleConnection(client: BackplaneConnection): void {
    for (const expiresAt of this.renewals) client.renew(expiresAt);
  }

  @SubscribeMessage('renew')
  renew(@ConnectedSocket() client: BackplaneConnection, @MessageBody() ms: number | null) {
    client.renew(ms === null ? null : inMs(ms));
    return { event: 'renewed' };
  }
}

const farm = useTestFarm();

describe('a connection that expires', () => {
  const start = (admission: () => Admission): Promise<ChatServer> =>
    farm.server({ ...farm.options(), authenticate: admission }, {}, RenewingGateway);

  function renewedOn(server: ChatServer, ...renewals: (Date | null)[]): Promise<WsClient> {
    server.app.get(RenewingGateway).renewals = renewals;
    return farm.client(server);
  }

  it('is closed with 1008 at its expiry, not before', async () => {
    const server = await start(() => ({ expiresAt: inMs(150) }));
    const began = performance.now();
    const client = await farm.client(server);
    expect(await client.closed).toEqual({ code: 1008, reason: 'Expired' });
    expect(performance.now() - began).toBeGreaterThan(140);
  });

  it('is closed at once if its expiry has passed', async () => {
    const server = await start(() => ({ expiresAt: inMs(-HOUR_MS) }));
    expect(await (await farm.client(server)).closed).toMatchObject({ code: 1008 });
  });

  it('stays open after a renewal, until its new expiry', async () => {
    const server = await start(() => ({ expiresAt: inMs(HOUR_MS) }));
    const renewed = await renewedOn(server, inMs(50), inMs(HOUR_MS));

    // Once this client is closed, the first expiry of the renewed one has passed too, because it was set earlier.
    await (
      await renewedOn(server, inMs(51))
    ).closed;

    renewed.send('renew', 50);
    await renewed.next('renewed');
    expect(await renewed.closed).toMatchObject({ code: 1008 });
  });

  describe('after a long time', () => {
    const DAY_MS = 24 * HOUR_MS;

    afterEach(() => vi.useRealTimers());

    /** Connects a client and freezes the server's clock, which only the test advances. */
    async function withFrozenClock(renewal: Date | null): Promise<WsClient> {
      const server = await start(() => ({}));
      const client = await farm.client(server);
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
      client.send('renew', renewal && renewal.getTime() - Date.now());
      await client.next('renewed');
      return client;
    }

    async function isThere(client: WsClient): Promise<void> {
      client.send('ping');
      await client.next('pong');
    }

    it.each([1, 24, 25, 50, 365])('is closed on day %i, not before', async (days) => {
      const client = await withFrozenClock(inMs(days * DAY_MS));
      // The maximum delay of a timer is 24.8 days.
      vi.advanceTimersByTime(days * DAY_MS - HOUR_MS);
      await isThere(client);
      vi.advanceTimersByTime(2 * HOUR_MS);
      expect(await client.closed).toEqual({ code: 1008, reason: 'Expired' });
    });

    it('is closed at its last expiry, after several beyond the maximum delay of a timer', async () => {
      const client = await withFrozenClock(inMs(100 * DAY_MS));
      for (const days of [400, 60]) {
        vi.advanceTimersByTime(30 * DAY_MS);
        client.send('renew', days * DAY_MS);
        await client.next('renewed');
      }
      vi.advanceTimersByTime(59 * DAY_MS);
      await isThere(client);
      vi.advanceTimersByTime(2 * DAY_MS);
      expect(await client.closed).toMatchObject({ code: 1008 });
    });

    it('stays open if it is renewed without an expiry', async () => {
      const client = await withFrozenClock(inMs(DAY_MS));
      client.send('renew', null);
      await client.next('renewed');
      vi.advanceTimersByTime(10_000 * DAY_MS);
      await isThere(client);
    });

    it('leaves no timer if its client disconnects first', async () => {
      const client = await withFrozenClock(inMs(DAY_MS));
      expect(vi.getTimerCount()).toBe(1);
      const gone = eventually(() => expect(vi.getTimerCount()).toBe(0));
      client.socket.terminate();
      await gone;
    });
  });
});

describe('when handleConnection runs', () => {
  let redis: AcquiredRedis;
  beforeAll(async () => {
    redis = await acquireRedis();
  });
  afterAll(() => redis.stop());

  it('the connection and its user are reachable from another server, 50 times out of 50', async () => {
    const options = farm.options(redis.url);
    let count = 0;
    const authenticate = (): Admission => ({ userId: `u${count++}` });
    const near = await farm.server({ ...options, authenticate }, {}, NotingGateway);
    const far = await farm.server(options);
    const elsewhere = far.broadcaster.gateway('/chat');
    near.app.get(NotingGateway).onConnection = async ({ id, userId = '' }) => {
      await elsewhere.user(userId).emit('for the user', userId);
      await elsewhere.connection(id).emit('for the connection', id);
    };

    for (let round = 0; round < 50; round++) {
      const client = await farm.client(near);
      expect((await client.next('for the user')).data).toBe(`u${round}`);
      await client.next('for the connection');
      client.socket.terminate();
    }
  });
});

describe('a gateway with its own port', () => {
  async function freePort(): Promise<number> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }

  function gatewayOn(port: number, path: string): Type {
    @WebSocketGateway(port, { path })
    class OwnPortGateway {
      @WebSocketServer() readonly server!: Broadcaster;
      readonly connected: (string | undefined)[] = [];

      handleConnection({ userId }: BackplaneConnection): void {
        this.connected.push(userId);
      }

      @SubscribeMessage('who')
      who(@ConnectedSocket() { userId }: BackplaneConnection) {
        return { event: 'who', data: userId };
      }
    }
    return OwnPortGateway;
  }

  it('admits clients the same way: statuses, origins, user, limit, and 404 for other paths', async () => {
    const port = await freePort();
    const paths: string[] = [];
    const server = await farm.server(
      {
        ...farm.options(),
        allowedOrigins: ['https://example.com'],
        limits: { connections: 1 },
        authenticate: ({ url = '' }, path) => {
          paths.push(path);
          return url.includes('no') ? null : { userId: 'u' };
        },
      },
      {},
      gatewayOn(port, '/own'),
    );

    expect(await refusal({ port }, '/own?no')).toBe(401);
    expect(await refusal({ port }, '/own', { origin: 'https://evil.test' })).toBe(403);
    expect(await refusal({ port }, '/chat')).toBe(404);
    await eventually(() => expect(server.backplane.counters.connections).toBe(0));
    const client = await farm.client({ port }, '/own');
    client.send('who');
    expect((await client.next('who')).data).toBe('u');
    expect(await refusal({ port }, '/own')).toBe(503);
    expect(paths).toEqual([`${port}/own`, `${port}/own`]);

    await server.app.close();
    expect(await client.closed).toMatchObject({ code: 1001 });
  });
});
