import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Proxy } from '../../faults/proxy.js';
import type { ChatServer } from '../../support/chat-app.js';
import { HubGateway } from '../../support/hub.gateway.js';
import { type AcquiredRedis, acquireRedis } from '../../support/redis-server.js';
import { GENERATIONS, hubConnection } from '../../support/signalr-clients.js';
import { useTestFarm } from '../../support/test-farm.js';

const farm = useTestFarm();
let redis: AcquiredRedis;
beforeAll(async () => void (redis = await acquireRedis()));
afterAll(() => redis.stop());

/** The client tries again and again until a server listens behind the proxy. */
const RECONNECT_DELAYS = Array.from({ length: 100 }, () => 50);

function hubServer(): Promise<ChatServer> {
  return farm.server(
    { ...farm.options(redis.url), protocols: ['json', 'msgpack'], signalr: true },
    {},
    HubGateway,
  );
}

describe.each(GENERATIONS.filter(({ hasReconnect }) => hasReconnect))(
  'Microsoft’s client $version',
  (generation) => {
    it('comes back by itself when its server has shut down, as a new connection that gets emits', async () => {
      const [before, after, other] = [await hubServer(), await hubServer(), await hubServer()];
      const proxy = await Proxy.open(before.port);
      farm.onEnd(() => proxy.close());
      const connection = hubConnection(farm, generation, proxy.port, {
        isBinary: generation.msgpack !== undefined,
        reconnectDelays: RECONNECT_DELAYS,
      });
      const received: string[] = [];
      connection.on('Said', (text: string) => void received.push(text));
      const reconnected = new Promise<string | undefined>((resolve) => connection.onreconnected?.(resolve));
      await connection.start();
      const { id } = await connection.invoke<{ id: string }>('Id');

      await before.app.close();
      proxy.repoint(after.port);
      const newId = await reconnected;
      expect(newId).not.toBe(id);
      expect(await connection.invoke('Id')).toMatchObject({ id: newId });
      await other.broadcaster.gateway(HubGateway).emit('Said', 'welcome back');
      await expect.poll(() => received).toEqual(['welcome back']);
    });
  },
);
