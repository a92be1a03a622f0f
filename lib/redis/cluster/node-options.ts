import { isIP } from 'node:net';
import type { RedisOptions } from 'ioredis';
import type { RedisNode } from '../../options/connection-plan.js';

/** Options of the whole cluster, for one of its nodes. */
export function optionsFor({ tls, ...options }: RedisOptions, { host, port }: RedisNode): RedisOptions {
  // A name is sent along (SNI), and the certificate checked against it; ioredis itself sends none.
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return { ...options, host, port, ...(tls && { tls: { ...servername, ...tls } }) };
}
