import { once } from 'node:events';
import { startProcess } from '../support/server-process.js';
import { Stage } from '../support/stage.js';

const main = new URL('./main.js', import.meta.url);
const worker = new URL('./worker.js', import.meta.url);

await Stage.play(async (stage) => {
  const [lima, perth] = [await stage.server('Lima', main), await stage.server('Perth', main)];
  const places = [
    { server: lima, user: 'ada' },
    { server: perth, user: 'ada' },
    { server: perth, user: 'grace' },
  ];
  const customers = await Promise.all(
    places.map(async ({ server, user }) => {
      const client = await stage.client(server, `/orders?user=${user}`);
      // A client is listening to its user's messages once its server answers.
      client.send('ping');
      await client.next('pong');
      return { who: `${user} at ${server.name}`, user, client };
    }),
  );

  console.log('The worker starts, ships three orders, and ends.');
  await once(startProcess(worker, stage.environment), 'exit');

  for (const { who, user, client } of customers) {
    await client.count('order.shipped', user === 'ada' ? 2 : 1);
    console.log(`${who} received: ${JSON.stringify(client.dataOf('order.shipped'))}`);
  }
});
