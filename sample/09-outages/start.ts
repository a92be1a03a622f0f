import { startRedis } from '../../test/support/redis-server.js';
import type { WsClient } from '../../test/support/ws-client.js';
import { Stage } from '../support/stage.js';

const main = new URL('./main.js', import.meta.url);

// A Redis of its own, because this sample kills it.
const redis = await startRedis();
await Stage.play(
  async (stage) => {
    const [lima, perth] = [await stage.server('Lima', main), await stage.server('Perth', main)];
    const [near, far] = [await stage.client(lima, '/prices'), await stage.client(perth, '/prices')];
    near.send('tell', 1);
    console.log(`Perth received ${String((await far.next('told')).data)}.`);

    await redis.kill();
    await Promise.all([near, far].map((client) => becomes(client, 'reconnecting')));
    near.send('tell', 2);
    console.log(`Redis is down. Lima received ${String((await near.next('told')).data)}.`);
    console.log(`Its sender was told: ${messageOf(await near.next('exception'))}`);

    await redis.start();
    await Promise.all([far.next('reload'), becomes(near, 'ready')]);
    console.log('Redis is back. Perth was told to reload.');
    near.send('tell', 3);
    await far.count('told', 2);
    console.log(`Perth received ${far.dataOf('told').join(' and ')} in all.`);
  },
  { url: redis.url, stop: () => redis.stop() },
);

async function becomes(client: WsClient, state: string): Promise<void> {
  while ((await client.next('status')).data !== state);
}

function messageOf({ data }: { readonly data?: unknown }): string {
  return (data as { message: string }).message;
}
