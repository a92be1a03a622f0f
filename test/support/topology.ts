import { Redis, type RedisOptions } from 'ioredis';

/** Prints that this topology was tested, and its server version. */
export async function sayTopology(name: string, server: RedisOptions | string): Promise<void> {
  const client = typeof server === 'string' ? new Redis(server) : new Redis(server);
  try {
    const info = await client.info('server');
    const version = /^(redis|valkey)_version:(\S+)/gm;
    // Valkey also reports the Redis version that it is compatible with, so take the last match.
    const [, product = '', number = ''] = [...info.matchAll(version)].at(-1) ?? [];
    console.log(`topology: ${name}, ${product} ${number}`);
  } finally {
    client.disconnect();
  }
}
