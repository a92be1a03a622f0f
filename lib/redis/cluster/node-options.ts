import { isIP } from 'node:net';
import type { RedisOptions } from 'ioredis';
import type { RedisNode } from '../../options/connection-plan.js';

/** The options for a connection to one node of a cluster. */
export function optionsFor({ tls, ...options }: RedisOptions, { host, port }: RedisNode): RedisOptions {
  // Node.js sends this name (SNI) and checks the certificate against it. ioredis does not set it.
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return { ...options, host, port, ...(tls && { tls: { ...servername, ...tls } }) };
}
