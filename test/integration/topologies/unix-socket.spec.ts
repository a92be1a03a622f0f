import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describeBus } from '../../bus/bus-contract.js';
import { describeOutages } from '../../bus/outage-contract.js';
import { startRedis } from '../../support/redis-server.js';
import { sayTopology } from '../../support/topology.js';

/** Starts a Redis with a unix socket whose path stays the same after a restart. */
async function behindSocket() {
  const folder = await mkdtemp(join(tmpdir(), 'redis-socket-'));
  const path = join(folder, 'redis.sock');
  const redis = await startRedis({ args: ['--unixsocket', path] });
  const close = async (): Promise<void> => {
    await redis.stop();
    await rm(folder, { recursive: true });
  };
  return { redis, options: { connection: `unix://${path}` }, adminUrl: redis.url, close };
}

describeBus('through a unix socket', async () => {
  const { redis, options, close } = await behindSocket();
  await sayTopology('unix socket', { port: redis.port });
  const stranger = new Redis(redis.url);
  return {
    options,
    publishForeign: (channel, bytes) => stranger.publish(channel, bytes),
    close: async () => {
      await stranger.quit();
      await close();
    },
  };
});

describeOutages('through a unix socket', behindSocket);
