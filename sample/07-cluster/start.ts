import { startRedisCluster } from '../../test/support/redis-cluster.js';
import type { WsClient } from '../../test/support/ws-client.js';
import { Stage } from '../support/stage.js';

const main = new URL('./main.js', import.meta.url);
const PREFIX = 'news';

console.log('Starting a Redis Cluster of three masters with a replica each, and three servers …');
const cluster = await startRedisCluster();
await Stage.play(
  async (stage) => {
    const servers = await Promise.all(['Lima', 'Perth', 'Kyoto'].map((name) => stage.server(name, main)));
    const clients = await Promise.all(servers.map((server) => stage.client(server, '/news')));
    await tellAll(clients, 'Good morning');

    // All servers of a farm meet on the master that owns the slot of their prefix.
    const [anyNode] = cluster.nodes;
    const home = await cluster.primaryOf(Number(await anyNode?.admin.cluster('KEYSLOT', PREFIX)));
    console.log(`Killing the master on port ${home.port}, on which they meet.`);
    await cluster.kill(home);
    const ways = await Promise.all(clients.map(untilReady));
    for (const [index, way] of ways.entries()) console.log(`${servers[index]?.name}: ${way.join(', ')}`);
    await tellAll(clients, 'Good evening');
  },
  { url: cluster.url, stop: () => cluster.stop() },
);

async function tellAll(clients: readonly WsClient[], text: string): Promise<void> {
  clients[0]?.send('tell', text);
  const told = await Promise.all(clients.map((client) => client.next('told')));
  console.log(`Received at all three: ${told.map(({ data }) => String(data)).join(', ')}`);
}

/** What a client is told of its server, until that is ready again. */
async function untilReady(client: WsClient): Promise<unknown[]> {
  const states: unknown[] = [];
  while (states.at(-1) !== 'ready') states.push((await client.next('status')).data);
  return states;
}
