import { readFileSync } from 'node:fs';

const LINE = /^ACL SETUSER myapp (.*)$/m;

/** The rights of the least-privilege user as the guide grants them, so that what users copy is what is tested. */
export function leastPrivilege(): string[] {
  const chapter = readFileSync(new URL('../../sample/11-sentinel/README.md', import.meta.url), 'utf8');
  const rights = LINE.exec(chapter)?.[1];
  if (rights === undefined) throw new Error('The chapter on Redis topologies has no least-privilege user.');
  return rights.split(' ');
}

/** The commands among them. */
export function leastCommands(): string[] {
  return leastPrivilege().filter((right) => /^[+-]/.test(right));
}
