import { hashSlot } from '../../lib/protocol/hash-slot.js';
import type { ClusterNode } from '../support/redis-cluster.js';
import { now } from './clock.js';
import { untilBack } from './failover.js';
import { type Farm, PREFIX } from './farm.js';

// Faults of the cluster master that all servers use. Redis counts as reachable once a replica has taken over.

const HOME_SLOT = hashSlot(PREFIX);

export function clusterKill(farm: Farm): Promise<void> {
  return replaced(farm, (home) => farm.cluster.kill(home));
}

export function clusterFreeze(farm: Farm): Promise<void> {
  return replaced(farm, (home) => farm.cluster.freeze(home));
}

async function replaced(farm: Farm, strike: (home: ClusterNode) => Promise<void> | void): Promise<void> {
  const home = await farm.cluster.primaryOf(HOME_SLOT);
  const begin = now();
  farm.mark('begin');
  await strike(home);
  await farm.cluster.untilReplaced(HOME_SLOT, home);
  farm.mark('reachable');
  await untilBack(farm, begin);
}
