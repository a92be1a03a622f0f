import { findRedisBinary } from './redis-binary.js';
import { ProgramError } from './program.js';

/**
 * Downloads Redis once, outside any test's timeout. If there is none, nearly every test would fail for the same reason, so
 * the run ends with one line that says what is missing.
 */
export default async function setup(): Promise<void> {
  try {
    await findRedisBinary();
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    const line = error.message.replaceAll('\n', ' ');
    if (process.env['REDIS_URL'] === undefined) {
      console.error(`The tests cannot run. ${line}`);
      process.exit(1);
    }
    console.warn(`Only tests that need no Redis of their own can pass with REDIS_URL. ${line}`);
  }
}
