import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { MemoryNetwork } from '../../lib/bus/memory-network.js';
import { acquireRedis } from '../support/redis-server.js';
import { sayTopology } from '../support/topology.js';
import { describeBus } from './bus-contract.js';

describeBus('through Redis', async () => {
  const redis = await acquireRedis();
  await sayTopology('standalone', redis.url);
  const stranger = new Redis(redis.url);
  return {
    options: { connection: redis.url },
    publishForeign: (channel, bytes) => stranger.publish(channel, bytes),
    close: async () => {
      await stranger.quit();
      await redis.stop();
    },
  };
});

describeBus('in memory', async () => {
  const name = randomUUID();
  const stranger = MemoryNetwork.get(name).transport();
  const opened = new Promise<void>((resolve) => {
    const ignore = (): void => undefined;
    const up = (): void => resolve();
    void stranger.open({
      up,
      down: ignore,
      retrying: ignore,
      moved: ignore,
      problem: ignore,
      message: ignore,
    });
  });
  await opened;
  return {
    options: { connection: `memory:${name}` },
    publishForeign: (channel, bytes) => stranger.publish(channel, bytes),
    close: () => stranger.close(),
  };
});
