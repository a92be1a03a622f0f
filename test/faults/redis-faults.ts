import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { RedisRole } from 'nestjs-redis-backplane';
import { type Farm, SERVERS } from './farm.js';
import { userOf } from './farm-redis.js';
import type { Form } from './fault.js';
import { LoadingRedis } from './loading-redis.js';
import { GROUPS, RESTLESS_GROUP } from './traffic.js';

// Faults of Redis itself.

const KILLS = 10;
/** Larger than the output buffer limit that `overflow` sets, smaller than a server's limit per message. */
const BURST_BYTES = 200_000;
const BURST_COUNT = 5;
const OUTPUT_LIMIT = '65536 65536 60';
const LOADING_SHARE = 1 / 3;
/** Servers report four times a second, so this is enough even on a busy machine. */
const REPORT_DEADLINE_MS = 3000;

export async function kill(farm: Farm, lastsMs: number): Promise<void> {
  farm.mark('begin');
  await farm.redis.kill();
  await wait(lastsMs);
  await farm.redis.start();
  farm.mark('reachable');
}

/** In the last third of the time, Redis replies to every command that it is loading its dataset. */
export async function shutdown(farm: Farm, lastsMs: number): Promise<void> {
  farm.mark('begin');
  await farm.admin((redis) => redis.call('SHUTDOWN', 'NOSAVE').catch(() => undefined));
  await farm.redis.stop();
  await wait(lastsMs * (1 - LOADING_SHARE));
  const loading = await LoadingRedis.open(farm.redis.port);
  await wait(lastsMs * LOADING_SHARE);
  await loading.close();
  await farm.redis.start();
  farm.mark('reachable');
}

export async function freeze(farm: Farm, lastsMs: number): Promise<void> {
  farm.mark('begin');
  farm.redis.freeze();
  await wait(lastsMs);
  farm.redis.resume();
  farm.mark('reachable');
}

/** Kills a random server's link ten times. Several may be down at once. */
export function killLinks(role: RedisRole): (farm: Farm, lastsMs: number) => Promise<void> {
  return (farm, lastsMs) =>
    farm.admin(async (redis) => {
      for (let kills = 0; kills < KILLS;) {
        const server = randomInt(SERVERS.length);
        const name = `backplane:${farm.server(server).serverId}:${role}`;
        const list = String(await redis.call('CLIENT', 'LIST'));
        const id = new RegExp(`^id=(\\d+) .* name=${name} `, 'm').exec(list)?.[1];
        if (id !== undefined) {
          farm.mark('begin', [server]);
          kills += Number(await redis.call('CLIENT', 'KILL', 'ID', id));
          farm.mark('reachable', [server]);
        }
        await wait((lastsMs / KILLS) * (0.5 + Math.random()));
      }
    });
}

/** Clients join and leave random groups while links are killed. */
export async function churn(farm: Farm, lastsMs: number): Promise<void> {
  const group = (): string => `churn${randomInt(20)}`;
  for (const client of farm.clients) farm.roam(client, group, 500);
  await killLinks('subscriber')(farm, lastsMs);
}

export function overflow(farm: Farm): Promise<void> {
  return farm.admin(async (redis) => {
    await redis.config('SET', 'client-output-buffer-limit', `pubsub ${OUTPUT_LIMIT}`);
    farm.mark('begin');
    await farm.server(0).burst(BURST_COUNT, BURST_BYTES);
    farm.mark('reachable');
    await redis.config('SET', 'client-output-buffer-limit', 'pubsub 33554432 8388608 60');
  });
}

/** The last server loses the permission to subscribe to one of its groups. The others still publish to it. */
export async function acl(farm: Farm, lastsMs: number): Promise<void> {
  const server = SERVERS.length - 1;
  const [revoked = ''] = GROUPS;
  await farm.admin(async (redis) => {
    farm.mark('begin', [server]);
    await redis.call('ACL', 'SETUSER', userOf(server), 'resetchannels', ...rightsWithout(farm, revoked));
    await wait(lastsMs);
    const degraded = (): boolean => farm.standingOf(server)?.state === 'degraded';
    farm.check(`degraded while ${revoked} is refused`, await farm.until(degraded, REPORT_DEADLINE_MS));
    await redis.call('ACL', 'SETUSER', userOf(server), '&*');
    farm.mark('reachable', [server]);
  });
}

/** ACL rules for all channels of the farm except one group's. */
export function rightsWithout(farm: Farm, group: string): string[] {
  const kept = [...GROUPS, RESTLESS_GROUP].filter((name) => name !== group);
  const others = ['servers', 'server:*', '/fault:all', '/fault:user:*'];
  return [...others, ...kept.map((name) => `/fault:group:${name}`)].map((rest) => `&${farm.channel(rest)}`);
}

export async function oversize(farm: Farm, _lastsMs: number, form: Form): Promise<void> {
  farm.mark('begin');
  const [end = ''] = await farm.server(0).burst(1, form === 'full' ? 40_000_000 : 4_000_000);
  farm.check(`rejects with MessageTooLargeError, not ${end}`, end === 'MessageTooLargeError');
}
