import { readFileSync } from 'node:fs';

const LINE = /^ACL SETUSER myapp (.*)$/m;

/** The rights of the least-privilege user, read from the guide so that the tests check what users copy. */
export function leastPrivilege(): string[] {
  const chapter = readFileSync(new URL('../../sample/11-sentinel/README.md', import.meta.url), 'utf8');
  const rights = LINE.exec(chapter)?.[1];
  if (rights === undefined) throw new Error('The chapter on Redis topologies has no least-privilege user.');
  return rights.split(' ');
}

/** Only the command rights. */
export function leastCommands(): string[] {
  return leastPrivilege().filter((right) => /^[+-]/.test(right));
}
