import { clusterFreeze, clusterKill } from './cluster-faults.js';
import type { Fault } from './fault.js';
import { garbage } from './garbage.js';
import { blackhole, detached, half, island, partition } from './network-faults.js';
import { acl, churn, freeze, kill, killLinks, overflow, oversize, shutdown } from './redis-faults.js';
import { sentinelFailover, sentinelFreeze, sentinelKill } from './sentinel-faults.js';
import { boot, deadServer, frozenServer } from './server-faults.js';

/** The fault table. Times are in milliseconds. */
export const FAULTS = {
  kill: { notice: 'socket', lasts: { short: 1000, full: 3000 }, run: kill },
  shutdown: { notice: 'socket', lasts: { short: 3000, full: 15_000 }, run: shutdown },
  'kill-sub': { notice: 'socket', lasts: { short: 2500, full: 8000 }, run: killLinks('subscriber') },
  'kill-pub': { notice: 'socket', lasts: { short: 2500, full: 8000 }, run: killLinks('publisher') },
  overflow: { notice: 'socket', lasts: { short: 0, full: 0 }, run: overflow },
  blackhole: {
    notice: 'silence',
    farm: { wiring: 'proxied' },
    lasts: { short: 5000, full: 10_000 },
    run: blackhole,
  },
  half: { notice: 'silence', farm: { wiring: 'proxied' }, lasts: { short: 5000, full: 10_000 }, run: half },
  freeze: { notice: 'silence', lasts: { short: 5000, full: 8000 }, run: freeze },
  detached: {
    notice: 'silence',
    farm: { wiring: 'links' },
    lasts: { short: 5000, full: 10_000 },
    run: detached,
  },
  island: {
    notice: 'socket',
    farm: { wiring: 'proxied' },
    lasts: { short: 5000, full: 10_000 },
    run: island,
  },
  partition: {
    notice: 'silence',
    farm: { wiring: 'proxied' },
    lasts: { short: 5000, full: 10_000 },
    run: partition,
  },
  'frozen-server': { notice: 'peers', lasts: { short: 5500, full: 15_000 }, run: frozenServer },
  'dead-server': { notice: 'peers', lasts: { short: 0, full: 0 }, run: deadServer },
  acl: { notice: 'socket', lasts: { short: 1500, full: 5000 }, run: acl },
  boot: { notice: 'nothing', farm: { absent: true }, lasts: { short: 0, full: 1000 }, run: boot },
  garbage: { notice: 'nothing', lasts: { short: 1000, full: 5000 }, run: garbage },
  oversize: { notice: 'nothing', lasts: { short: 0, full: 0 }, run: oversize },
  churn: {
    notice: 'socket',
    farm: { clientsPerServer: 67 },
    lasts: { short: 2500, full: 8000 },
    run: churn,
  },
  // No socket closes on the command. Servers notice when a sentinel announces the new primary.
  'sentinel-failover': {
    notice: 'silence',
    farm: { wiring: 'sentinel' },
    lasts: { short: 0, full: 0 },
    run: sentinelFailover,
  },
  'sentinel-kill': {
    notice: 'socket',
    farm: { wiring: 'sentinel' },
    lasts: { short: 0, full: 0 },
    run: sentinelKill,
  },
  'sentinel-freeze': {
    notice: 'silence',
    farm: { wiring: 'sentinel' },
    lasts: { short: 0, full: 0 },
    run: sentinelFreeze,
  },
  'cluster-kill': {
    notice: 'socket',
    farm: { wiring: 'cluster' },
    lasts: { short: 0, full: 0 },
    run: clusterKill,
  },
  'cluster-freeze': {
    notice: 'silence',
    farm: { wiring: 'cluster' },
    lasts: { short: 0, full: 0 },
    run: clusterFreeze,
  },
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];

export function isFaultName(name: string): name is FaultName {
  return name in FAULTS;
}
