import { startProcess } from '../support/server-process.js';
import { Stage } from '../support/stage.js';

const main = new URL('./main.js', import.meta.url);

await Stage.play(async (stage) => {
  const [lima, perth] = [await stage.server('Lima', main), await stage.server('Perth', main)];
  const [here, there] = [await stage.client(lima, '/greetings'), await stage.client(perth, '/greetings')];
  here.send('greet', 'Hello from Lima');
  console.log(`Perth's client received: ${String((await there.next('greeted')).data)}`);

  console.log('A server with OUTAGE=sometimes does not start:');
  const wrong = startProcess(main, { ...stage.environment, OUTAGE: 'sometimes' });
  await new Promise((resolve) => wrong.once('exit', resolve));
});
