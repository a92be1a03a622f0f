import { setTimeout as wait } from 'node:timers/promises';
import { now } from '../faults/clock.js';
import type { Farm } from '../faults/farm.js';
import { userOf } from '../faults/farm-redis.js';
import { freeze, kill, overflow, rightsWithout } from '../faults/redis-faults.js';
import { GROUPS } from '../faults/traffic.js';

/** One fault of a round. */
export interface Strike {
  readonly name: StrikeName;
  /** The server that is struck, unless the fault strikes Redis itself. */
  readonly server: number;
  /** How long to wait before it. */
  readonly pauseMs: number;
  readonly lastsMs: number;
  /** From 0 to 1. Sets the delay of a slow network or picks the group to revoke. */
  readonly strength: number;
}

export interface StrikeKind {
  /** The shortest and longest duration, on both sides of every deadline in the library. */
  readonly lastsMs: readonly [min: number, max: number];
  /** Causes the fault and ends it. */
  run(farm: Farm, strike: Strike): Promise<void>;
}

const MIN_DELAY_MS = 20;
export const MAX_DELAY_MS = 400;

/** Faults of Redis. At most one at a time. */
export const REDIS_STRIKES = {
  kill: { lastsMs: [100, 5000], run: (farm, { lastsMs }) => kill(farm, lastsMs) },
  freeze: { lastsMs: [200, 6000], run: (farm, { lastsMs }) => freeze(farm, lastsMs) },
  overflow: { lastsMs: [0, 0], run: (farm) => overflow(farm) },
  'kill-subscriber': { lastsMs: [0, 0], run: (farm, { server }) => killLink(farm, server, 'subscriber') },
  'kill-publisher': { lastsMs: [0, 0], run: (farm, { server }) => killLink(farm, server, 'publisher') },
  revoke: { lastsMs: [200, 4000], run: revoke },
} satisfies Record<string, StrikeKind>;

/** Faults of the network between a server and Redis. At most one at a time per server. */
export const NETWORK_STRIKES = {
  blackhole: {
    lastsMs: [200, 8000],
    run: (farm, { server, lastsMs }) =>
      throughProxy(farm, server, lastsMs, (proxy) => proxy.blackhole({ toRedis: true, fromRedis: true })),
  },
  'blackhole-to-redis': {
    lastsMs: [200, 8000],
    run: (farm, { server, lastsMs }) =>
      throughProxy(farm, server, lastsMs, (proxy) => proxy.blackhole({ toRedis: true })),
  },
  'blackhole-from-redis': {
    lastsMs: [200, 8000],
    run: (farm, { server, lastsMs }) =>
      throughProxy(farm, server, lastsMs, (proxy) => proxy.blackhole({ fromRedis: true })),
  },
  'slow-to-redis': {
    lastsMs: [500, 6000],
    run: (farm, { server, lastsMs, strength }) =>
      throughProxy(farm, server, lastsMs, (proxy) => proxy.slow({ toRedis: delayMs(strength) })),
  },
  'slow-from-redis': {
    lastsMs: [500, 6000],
    run: (farm, { server, lastsMs, strength }) =>
      throughProxy(farm, server, lastsMs, (proxy) => proxy.slow({ fromRedis: delayMs(strength) })),
  },
  cut: { lastsMs: [0, 0], run: (farm, { server }) => Promise.resolve(farm.proxy(server).cut()) },
  island: { lastsMs: [200, 6000], run: island },
} satisfies Record<string, StrikeKind>;

/** Faults of a server process. At most one at a time. */
export const PROCESS_STRIKES = {
  stop: { lastsMs: [200, 7000], run: stop },
} satisfies Record<string, StrikeKind>;

export const STRIKES = { ...REDIS_STRIKES, ...NETWORK_STRIKES, ...PROCESS_STRIKES };

export type StrikeName = keyof typeof STRIKES;

function delayMs(strength: number): number {
  return MIN_DELAY_MS + strength * (MAX_DELAY_MS - MIN_DELAY_MS);
}

async function throughProxy(
  farm: Farm,
  server: number,
  lastsMs: number,
  strike: (proxy: ReturnType<Farm['proxy']>) => void,
): Promise<void> {
  const proxy = farm.proxy(server);
  strike(proxy);
  await wait(lastsMs);
  proxy.heal();
}

/** Connects the server to another Redis for a while, where it still receives its own messages. */
async function island(farm: Farm, { server, lastsMs }: Strike): Promise<void> {
  farm.proxy(server).repoint(farm.spare?.port ?? NaN);
  await wait(lastsMs);
  farm.proxy(server).repoint(farm.redis.port);
}

async function killLink(farm: Farm, server: number, role: 'publisher' | 'subscriber'): Promise<void> {
  const name = `backplane:${farm.server(server).serverId}:${role}`;
  await farm.admin(async (redis) => {
    const list = String(await redis.call('CLIENT', 'LIST'));
    const id = new RegExp(`^id=(\\d+) .* name=${name} `, 'm').exec(list)?.[1];
    // Another fault may have closed the link already.
    if (id !== undefined) await redis.call('CLIENT', 'KILL', 'ID', id);
  });
}

async function revoke(farm: Farm, { server, lastsMs, strength }: Strike): Promise<void> {
  const group = GROUPS[Math.floor(strength * GROUPS.length)] ?? '';
  await farm.admin(async (redis) => {
    await redis.call('ACL', 'SETUSER', userOf(server), 'resetchannels', ...rightsWithout(farm, group));
    await wait(lastsMs);
    await redis.call('ACL', 'SETUSER', userOf(server), '&*');
  });
}

async function stop(farm: Farm, { server, lastsMs }: Strike): Promise<void> {
  const from = now();
  farm.server(server).signal('SIGSTOP');
  await wait(lastsMs);
  farm.server(server).signal('SIGCONT');
  farm.standstills.push({ server, from, to: now() });
}
