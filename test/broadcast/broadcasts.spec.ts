import { type OnGatewayConnection, WebSocketGateway } from '@nestjs/websockets';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { RedisInspector } from '../support/redis-inspector.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

const farm = useTestFarm();
let options: RedisBackplaneOptions;
let redis: RedisServer;

beforeEach(async () => {
  redis = await startRedis();
  farm.onEnd(() => redis.stop());
  options = farm.options(redis.url);
});

describe('the broadcast channel of a path', () => {
  it('is subscribed only by the servers that have clients on the path', async () => {
    const [near, far] = [await farm.server(options), await farm.server(options)];
    const inspector = farm.ending(new RedisInspector(redis.url));
    const subscribers = async (): Promise<unknown> =>
      (await inspector.client.pubsub('NUMSUB', `${options.channelPrefix}:/chat:all`))[1];

    expect(await subscribers()).toBe(0);
    const [one, two] = [await farm.client(near), await farm.client(near)];
    await expect.poll(subscribers).toBe(1);
    const other = await farm.client(far);
    await expect.poll(subscribers).toBe(2);

    one.socket.terminate();
    other.socket.terminate();
    await expect.poll(subscribers, { timeout: 5000 }).toBe(1);
    await far.broadcaster.emit('hi');
    await two.next('hi');
  });

  it('is subscribed before the first socket opens, and before sockets that connect meanwhile', async () => {
    const connected: string[] = [];

    @WebSocketGateway({ path: '/chat' })
    class AnnouncingGateway implements OnGatewayConnection<BackplaneConnection> {
      handleConnection({ id }: BackplaneConnection): void {
        connected.push(id);
        void far.broadcaster.emit('connected', id);
      }
    }
    const far = await farm.server(options);
    const near = await farm.server(options, {}, AnnouncingGateway);

    redis.freeze();
    const opened: WsClient[] = [];
    const opening = [1, 2].map(async () => opened.push(await farm.client(near)));
    // The server answers these requests after it has received both upgrades.
    await fetch(`http://127.0.0.1:${near.port}/`);
    await fetch(`http://127.0.0.1:${near.port}/`);
    const before = { opened: opened.length, connected: connected.length };
    redis.resume();
    await Promise.all(opening);

    await Promise.all(opened.map((client) => client.count('connected', 2)));
    expect(before).toEqual({ opened: 0, connected: 0 });
    expect(opened.map((client) => client.dataOf('connected'))).toEqual([connected, connected]);
  });
});
