import { createInterface } from 'node:readline';
import type { RedisServer } from '../../test/support/redis-server.js';
import { check, passed, table } from './check.js';
import { runUntilStopped } from '../support/until-stopped.js';
import { type Farm, startFarm } from './farm.js';

const FIRST_PORT = 3001;

const checking = process.argv.includes('--check');
console.log(
  process.env.REDIS_URL
    ? 'Starting three servers on the Redis of REDIS_URL …'
    : 'Starting Redis and three servers. The first time, Redis may have to be downloaded …',
);
// Until the farm is there, Ctrl-C ends this process at once, and with it whatever has been started.
const farm = await startFarm(checking ? {} : { firstPort: FIRST_PORT });
if (farm.withoutRedis !== undefined) {
  console.log(`No Redis: the three servers share one process and "memory:" instead. ${farm.withoutRedis}`);
}
if (checking) await runCheck(farm);
else await runForPeople(farm);

async function runCheck({ servers, stop }: Farm): Promise<void> {
  const results = await check(servers).finally(stop);
  const good = results.filter(passed).length;
  console.log(`\n${table(results).join('\n')}\n`);
  console.log(`${good} passed, ${results.length - good} failed`);
  process.exitCode = good === results.length ? 0 : 1;
}

async function runForPeople({ servers, redis, ended, stop }: Farm): Promise<void> {
  console.log('\nOne chat on three servers. Open two of them side by side, and say hello:\n');
  for (const { name, url, pid } of servers) {
    const kill = pid === undefined ? '' : `    kill -9 ${pid}`;
    console.log(`  ${name.padEnd(6)} ${url}${kill}`);
  }
  console.log();
  if (redis && process.stdin.isTTY) letEnterStop(redis);
  await runUntilStopped(ended, stop);
}

/** Lets a person see what the pages show while Redis is down. */
function letEnterStop(redis: RedisServer): void {
  console.log('Enter stops Redis, and starts it again.');
  let turn = Promise.resolve();
  let running = true;
  createInterface({ input: process.stdin }).on('line', () => {
    turn = turn.then(async () => {
      await (running ? redis.stop() : redis.start());
      running = !running;
      console.log(running ? 'Redis runs again.' : 'Redis is stopped.');
    });
  });
}
