import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import type { WorkerReport } from '../servers/worker-without-redis.js';
import { compiledServer } from '../support/compiled-server.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

const { version } = createRequire(import.meta.url)('ioredis/package.json') as { version: string };
/** Before 5.9, ioredis does not clear the timer of a command to a sentinel that fails. It fires within a second. */
const LEAVES_SENTINEL_TIMERS = /^5\.[4-8]\./.test(version);

// Nothing listens on port 1.
describe('A worker whose Redis is absent leaves no timer when it has closed, and exits by itself', () => {
  it.each<[name: string, connection: string, sharded?: boolean]>([
    ['standalone', 'redis://127.0.0.1:1'],
    ['with TLS', 'rediss://127.0.0.1:1'],
    ['at a socket', 'unix:///no/such/redis.sock'],
    ['behind sentinels', 'redis+sentinel://127.0.0.1:1,127.0.0.1:2/mymaster'],
    ['in a cluster', 'redis+cluster://127.0.0.1:1,127.0.0.1:2'],
    ['in a sharded cluster', 'redis+cluster://127.0.0.1:1,127.0.0.1:2', true],
  ])('%s', async (name, connection, sharded = false) => {
    const child = fork(compiledServer('worker-without-redis'), [], {
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        FARM_CONNECTION: connection,
        FARM_SHARDED: String(sharded),
      },
    });
    farm.onEnd(() => child.kill('SIGKILL'));
    const exited = once(child, 'exit');
    const [report] = (await once(child, 'message')) as [WorkerReport];

    if (!LEAVES_SENTINEL_TIMERS || name !== 'behind sentinels') expect(report.timers).toEqual([]);
    expect(await exited).toEqual([0, null]);
  });
});
