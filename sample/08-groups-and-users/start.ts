import type { WsClient } from '../../test/support/ws-client.js';
import { Stage } from '../support/stage.js';

const main = new URL('./main.js', import.meta.url);

await Stage.play(async (stage) => {
  const [lima, perth] = [await stage.server('Lima', main), await stage.server('Perth', main)];
  const ada = await stage.client(lima, '/team?user=ada');
  const grace = await stage.client(perth, '/team?user=grace');
  const linus = await stage.client(lima, '/team?user=linus');

  ada.send('invite', { group: 'release', users: ['ada', 'grace', 'linus'] });
  await ada.next('invited');
  console.log('Ada has invited Grace, who is on another server, and Linus.');

  ada.send('assign', { group: 'release', user: 'grace', task: 'changelog' });
  ada.send('assign', { group: 'release', user: 'grace', task: 'tag' });
  for (const [name, client] of [
    ['Grace', grace],
    ['Linus', linus],
  ] as const) {
    await client.count('assigned', 2);
    console.log(`${name} received: ${JSON.stringify(client.dataOf('assigned'))}`);
  }

  const voting = [vote(ada, true), vote(grace, true), vote(linus, false)];
  ada.send('vote', { group: 'release', task: 'publish' });
  await Promise.all(voting);
  console.log(`The vote: ${JSON.stringify((await ada.next('voted')).data)}`);
});

/** Replies to a request of the server: a frame with an `id` is answered with the same `id`. */
async function vote(client: WsClient, data: boolean): Promise<void> {
  const { id } = await client.next('approve');
  client.sendRaw(JSON.stringify({ id, data }));
}
