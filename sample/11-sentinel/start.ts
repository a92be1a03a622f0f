import { RedisSentinel } from '../../test/support/redis-sentinel.js';
import type { WsClient } from '../../test/support/ws-client.js';
import { Stage } from '../support/stage.js';

const main = new URL('./main.js', import.meta.url);

console.log('Starting a primary, two replicas and three sentinels, and two servers …');
const sentinel = await RedisSentinel.start();
await Stage.play(
  async (stage) => {
    const [lima, perth] = [await stage.server('Lima', main), await stage.server('Perth', main)];
    const [near, far] = [await stage.client(lima, '/news'), await stage.client(perth, '/news')];
    near.send('tell', 'Good morning');
    console.log(`Perth received: ${String((await far.next('told')).data)}`);

    const primary = await sentinel.primary();
    console.log('Killing the primary.');
    await primary.kill();
    const [nearStates, farStates] = await Promise.all([untilReady(near), untilReady(far)]);
    console.log(`Lima: ${nearStates.join(', ')}`);
    console.log(`Perth: ${farStates.join(', ')}`);
    near.send('tell', 'Good evening');
    console.log(`Perth received: ${String((await far.next('told')).data)}`);
  },
  { url: sentinel.url, stop: () => sentinel.stop() },
);

/** What a client is told about its server, until that is ready again. */
async function untilReady(client: WsClient): Promise<unknown[]> {
  const states: unknown[] = [];
  while (states.at(-1) !== 'ready') states.push((await client.next('status')).data);
  return states;
}
