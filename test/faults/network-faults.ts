import { setTimeout as wait } from 'node:timers/promises';
import { type Farm, SERVERS } from './farm.js';

// Faults of the network between the servers and Redis.

const LAST = SERVERS.length - 1;
const ATTACH_DEADLINE_MS = 5000;

export async function blackhole(farm: Farm, lastsMs: number): Promise<void> {
  farm.mark('begin');
  for (const proxy of farm.proxies) proxy.blackhole();
  await wait(lastsMs);
  for (const proxy of farm.proxies) proxy.heal();
  farm.mark('reachable');
}

/** One server's bytes do not reach Redis, and another server gets no bytes from Redis. */
export async function half(farm: Farm, lastsMs: number): Promise<void> {
  farm.mark('begin', [0, 1]);
  farm.proxy(0).blackhole({ toRedis: true });
  farm.proxy(1).blackhole({ fromRedis: true });
  await wait(lastsMs);
  for (const proxy of farm.proxies) proxy.heal();
  farm.mark('reachable', [0, 1]);
}

export async function partition(farm: Farm, lastsMs: number): Promise<void> {
  farm.mark('begin', [LAST]);
  farm.proxy(LAST).blackhole();
  await wait(lastsMs);
  farm.proxy(LAST).heal();
  farm.mark('reachable', [LAST]);
}

/** The last server's subscriber link is on a replica that stops replicating its master for a while. */
export async function detached(farm: Farm, lastsMs: number): Promise<void> {
  const { spare, redis } = farm;
  farm.mark('begin', [LAST]);
  await farm.admin((replica) => replica.call('REPLICAOF', 'NO', 'ONE'), spare?.port);
  await wait(lastsMs);
  await farm.admin(async (replica) => {
    await replica.call('REPLICAOF', redis.host, redis.port);
    let up = false;
    const poll = async (): Promise<void> => {
      up = (await replica.info('replication')).includes('master_link_status:up');
      if (!up) return wait(20).then(poll);
    };
    await Promise.race([poll(), wait(ATTACH_DEADLINE_MS)]);
    farm.check('the replica follows its master again', up);
  }, spare?.port);
  farm.mark('reachable', [LAST]);
}

/** Both links of the last server lead to another Redis, where it still receives its own messages. */
export async function island(farm: Farm, lastsMs: number): Promise<void> {
  farm.mark('begin', [LAST]);
  farm.proxy(LAST).repoint(farm.spare?.port ?? NaN);
  await wait(lastsMs);
  farm.mark('begin', [LAST]);
  farm.proxy(LAST).repoint(farm.redis.port);
  farm.mark('reachable', [LAST]);
}
