import type { RedisServer } from '../support/redis-server.js';
import { now } from './clock.js';
import type { Farm } from './farm.js';
import { untilBack } from './failover.js';
import type { Form } from './fault.js';

const LEFT_MS = 3000;

// Faults of a primary that sentinels watch. Redis counts as reachable once a sentinel names another primary.

export async function sentinelFailover(farm: Farm, _lastsMs: number, form: Form): Promise<void> {
  const before = await farm.sentinel.primary();
  const begin = now();
  farm.mark('begin');
  await farm.sentinel.failover();
  await replaced(farm, before, begin);
  await checkAbandoned(farm, before, form);
}

export async function sentinelKill(farm: Farm, _lastsMs: number, form: Form): Promise<void> {
  const before = await farm.sentinel.primary();
  const begin = now();
  farm.mark('begin');
  await before.kill();
  await replaced(farm, before, begin);
  await before.start();
  await checkAbandoned(farm, before, form);
}

export async function sentinelFreeze(farm: Farm, _lastsMs: number, form: Form): Promise<void> {
  const before = await farm.sentinel.primary();
  const begin = now();
  farm.mark('begin');
  before.freeze();
  await replaced(farm, before, begin);
  before.resume();
  await checkAbandoned(farm, before, form);
}

async function replaced(farm: Farm, before: RedisServer, begin: number): Promise<void> {
  await farm.sentinel.promoted(before);
  farm.mark('reachable');
  await untilBack(farm, begin);
}

/**
 * Checks that no server is connected to the old primary or leaves the new one for it. The full form waits until
 * sentinels make the old primary a replica; until then, for eight seconds, it claims to be a primary.
 */
async function checkAbandoned(farm: Farm, before: RedisServer, form: Form): Promise<void> {
  const since = now();
  if (form === 'full') await farm.sentinel.demoted(before);
  const deadline = now() + LEFT_MS;
  let left: boolean;
  // A Redis that was frozen first has to read the bytes that clients sent before they left.
  do left = (await farm.sentinel.clientsOf(before)).some((name) => name.startsWith('backplane:'));
  while (left && now() < deadline);
  farm.check('no server is left on the old primary', !left);
  const standings = farm.alive.flatMap(({ facts }) => facts.flatMap((told) => told.standings));
  const unready = standings.some(({ at, state }) => at > since && state !== 'ready');
  farm.check('no server leaves the new primary', !unready);
}
