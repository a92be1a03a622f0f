import { findRedisBinary } from './redis-binary.js';

/** Fetches Redis once, before any test's time runs; where there is none to be had, nothing is tested in silence. */
export default async function setup(): Promise<void> {
  if (process.env['REDIS_URL'] === undefined) await findRedisBinary();
}
