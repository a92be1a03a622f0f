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

describe('the broadcasts of a path', () => {
  it('are subscribed by servers with clients of it alone, until a while after the last one', async () => {
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

  it('are heard before the sockets of the first clients open, also of those who come meanwhile', async () => {
    const came: string[] = [];

    @WebSocketGateway({ path: '/chat' })
    class NotingGateway implements OnGatewayConnection<BackplaneConnection> {
      handleConnection({ id }: BackplaneConnection): void {
        came.push(id);
        void far.broadcaster.emit('came', id);
      }
    }
    const far = await farm.server(options);
    const near = await farm.server(options, {}, NotingGateway);

    redis.freeze();
    const opened: WsClient[] = [];
    const opening = [1, 2].map(async () => opened.push(await farm.client(near)));
    // Answered after their upgrades have been taken.
    await fetch(`http://127.0.0.1:${near.port}/`);
    await fetch(`http://127.0.0.1:${near.port}/`);
    const before = { opened: opened.length, came: came.length };
    redis.resume();
    await Promise.all(opening);

    await Promise.all(opened.map((client) => client.count('came', 2)));
    expect(before).toEqual({ opened: 0, came: 0 });
    expect(opened.map((client) => client.dataOf('came'))).toEqual([came, came]);
  });
});
