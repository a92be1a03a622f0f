import type { RedisServer } from '../support/redis-server.js';
import { now } from './clock.js';
import type { Farm } from './farm.js';
import { untilBack } from './failover.js';
import type { Form } from './fault.js';

const LEFT_MS = 3000;

// What happens to a primary that sentinels watch. It is reachable again when a sentinel names another one.

export async function sentinelFailover(farm: Farm, _lastsMs: number, form: Form): Promise<void> {
  const before = await farm.sentinel.primary();
  const begin = now();
  farm.mark('begin');
  await farm.sentinel.failover();
  await replaced(farm, before, begin);
  await holdsNobody(farm, before, form);
}

export async function sentinelKill(farm: Farm, _lastsMs: number, form: Form): Promise<void> {
  const before = await farm.sentinel.primary();
  const begin = now();
  farm.mark('begin');
  await before.kill();
  await replaced(farm, before, begin);
  await before.start();
  await holdsNobody(farm, before, form);
}

export async function sentinelFreeze(farm: Farm, _lastsMs: number, form: Form): Promise<void> {
  const before = await farm.sentinel.primary();
  const begin = now();
  farm.mark('begin');
  before.freeze();
  await replaced(farm, before, begin);
  before.resume();
  await holdsNobody(farm, before, form);
}

async function replaced(farm: Farm, before: RedisServer, begin: number): Promise<void> {
  await farm.sentinel.promoted(before);
  farm.mark('reachable');
  await untilBack(farm, begin);
}

/** In the full form until sentinels have made a replica of it: for eight seconds it is a primary that came back. */
async function holdsNobody(farm: Farm, before: RedisServer, form: Form): Promise<void> {
  const since = now();
  if (form === 'full') await farm.sentinel.demoted(before);
  const deadline = now() + LEFT_MS;
  let left: boolean;
  // One that was frozen has what was sent before it left to read first.
  do left = (await farm.sentinel.clientsOf(before)).some((name) => name.startsWith('backplane:'));
  while (left && now() < deadline);
  farm.check('nobody is left on the primary before', !left);
  const standings = farm.alive.flatMap(({ facts }) => facts.flatMap((told) => told.standings));
  const unready = standings.some(({ at, state }) => at > since && state !== 'ready');
  farm.check('nobody leaves the new primary for it', !unready);
}
