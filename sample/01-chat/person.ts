import type { IncomingMessage } from 'node:http';
import type { Admission } from 'nestjs-redis-backplane';

/**
 * Takes all windows of a browser for one person. The page chooses the id itself, and nobody checks it. An app verifies a
 * token instead, as chapter 4 shows.
 */
export function personOf({ url = '' }: IncomingMessage): Admission {
  const [, userId] = /[?&]person=([\w-]{1,40})(?:&|$)/.exec(url) ?? [];
  return userId === undefined ? {} : { userId };
}
