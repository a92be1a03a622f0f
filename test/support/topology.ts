import { Redis, type RedisOptions } from 'ioredis';

/** Says in the output of the run that this topology was there, and of which version. */
export async function sayTopology(name: string, server: RedisOptions | string): Promise<void> {
  const client = typeof server === 'string' ? new Redis(server) : new Redis(server);
  try {
    const info = await client.info('server');
    const version = /^(redis|valkey)_version:(\S+)/gm;
    // Valkey tells a version of Redis too, the one that it is compatible with.
    const [, product = '', number = ''] = [...info.matchAll(version)].at(-1) ?? [];
    console.log(`topology: ${name}, ${product} ${number}`);
  } finally {
    client.disconnect();
  }
}
