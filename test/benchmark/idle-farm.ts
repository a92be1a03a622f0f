import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { IdleHandlers } from './idle-process.js';
import { costBetween, type RedisCost, redisCost } from './redis-cost.js';
import { Child } from './rpc.js';

const PROCESSES = 4;
/** How long the servers need to settle after the last one has joined. */
const SETTLE_MS = 3000;

/** The cost of servers that only exchange heartbeats. */
export interface IdleFarm {
  readonly servers: number;
  readonly seconds: number;
  /** Summed over all servers, in microseconds. */
  readonly cpu: number;
  readonly redis: RedisCost;
}

export async function idleFarm(redis: Redis, servers: number, seconds: number): Promise<IdleFarm> {
  const connection = `redis://${redis.options.host ?? ''}:${redis.options.port ?? 0}`;
  const processes = Array.from({ length: PROCESSES }, () => new Child<IdleHandlers>('idle-process.js'));
  const cpuOf = async (): Promise<number> => {
    const each = await Promise.all(processes.map((process) => process.call('cpuMicroseconds')));
    return each.reduce((sum, cpu) => sum + cpu, 0);
  };
  try {
    const count = servers / PROCESSES;
    // One after the other, because all at once would make servers miss their limits for connecting to Redis.
    for (const process of processes) await process.call('start', { connection, count });
    await Promise.all(processes.map((process) => process.call('meet', servers - 1)));
    await wait(SETTLE_MS);
    const [cpu, cost, beganAt] = [await cpuOf(), await redisCost(redis), performance.now()];
    await wait(seconds * 1000);
    const measured = (performance.now() - beganAt) / 1000;
    return {
      servers,
      seconds: measured,
      cpu: (await cpuOf()) - cpu,
      redis: costBetween(cost, await redisCost(redis)),
    };
  } finally {
    await Promise.all(processes.map((process) => process.call('close').catch(() => undefined)));
    for (const process of processes) process.end();
  }
}
