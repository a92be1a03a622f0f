import { join } from 'node:path';
import { expect, it } from 'vitest';
import { useRedis } from '../support/acceptance.js';
import { startGuarded } from '../support/process-guard.js';
import { useTestFarm } from '../support/test-farm.js';
import { QuickStart } from './quick-start.js';
import { WrittenBlocks } from './written-blocks.js';

const farm = useTestFarm();
const redis = useRedis({ own: true });
const quickStart = new QuickStart();

/** @returns the address of a server, as a process of its own */
async function start(main: string): Promise<string> {
  const env = { ...process.env, NODE_OPTIONS: '', REDIS_URL: redis.url, PORT: '0' };
  const server = await startGuarded({ command: process.execPath, args: [main], env });
  farm.onEnd(() => server.kill());
  return quickStart.addressOf(server);
}

it('the quick start of the README boots two servers on a Redis, and the browser shows what it says', async () => {
  const blocks = new WrittenBlocks(farm);
  expect([...quickStart.files.keys()]).toEqual(['src/chat.gateway.ts', 'src/app.module.ts', 'src/main.ts']);
  let main = '';
  for (const [path, code] of quickStart.files) main = await blocks.write(join('quick-start', path), code);
  const [first, second] = await Promise.all([start(main), start(main)]);

  expect(await quickStart.play(first, second)).toEqual(quickStart.expected);
});
