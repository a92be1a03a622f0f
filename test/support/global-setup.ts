import { findRedisBinary } from './redis-binary.js';

/** Downloads Redis once, outside any test's timeout. Fails the whole run if no Redis can be found. */
export default async function setup(): Promise<void> {
  if (process.env['REDIS_URL'] === undefined) await findRedisBinary();
}
