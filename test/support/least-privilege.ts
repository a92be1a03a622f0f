import { readFileSync } from 'node:fs';

const LINE = /^ACL SETUSER myapp (.*)$/m;

/** The rights of the least-privilege user, read from the README so that the tests check what users copy. */
export function leastPrivilege(): string[] {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const rights = LINE.exec(readme)?.[1];
  if (rights === undefined) throw new Error('The README has no line "ACL SETUSER myapp …".');
  return rights.split(' ');
}

/** Only the command rights. */
export function leastCommands(): string[] {
  return leastPrivilege().filter((right) => /^[+-]/.test(right));
}
