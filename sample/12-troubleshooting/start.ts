import { once } from 'node:events';
import { freePorts } from '../../test/support/free-ports.js';
import { startRedis } from '../../test/support/redis-server.js';
import { startProcess } from '../support/server-process.js';
import { Stage } from '../support/stage.js';

const script = new URL('./diagnose.js', import.meta.url);

async function diagnose(what: string, url: string): Promise<void> {
  console.log(`${what}:`);
  await once(startProcess(script, { REDIS_URL: url }), 'exit');
}

await Stage.play(async ({ environment }) => {
  await diagnose('A Redis that is there', environment.REDIS_URL);
  const secured = await startRedis({ args: ['--requirepass', 'secret'] });
  await diagnose('A Redis that asks for a password', secured.url).finally(() => secured.stop());
  const [port] = await freePorts([undefined]);
  await diagnose('A port on which nobody listens', `redis://127.0.0.1:${port}`);
});
