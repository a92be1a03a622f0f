import type { Binary } from './debian-package.js';
import { findProgram, type Program } from './program.js';

const REDIS: Program = {
  name: 'redis-server',
  variable: 'REDIS_SERVER_BIN',
  commands: ['redis-server', 'valkey-server'],
  versionArgument: '--version',
  packages: ['redis-server', 'redis-tools'],
  path: 'usr/bin/redis-server',
  advice:
    'Install the package redis-server (or valkey-server), or set REDIS_SERVER_BIN to the path of a redis-server binary. ' +
    'For single tests it may be enough to set REDIS_URL to a Redis that is already running.',
};

/** Finds redis-server: the configured one, an installed one, or one downloaded into `cache`. */
export function findRedisBinary(cache?: string): Promise<Binary> {
  return findProgram(REDIS, cache);
}
