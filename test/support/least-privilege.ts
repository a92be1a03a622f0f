import { readFileSync } from 'node:fs';

const LINE = /^ACL SETUSER myapp (.*)$/m;

/** The rights of the least-privilege user as the README grants them, so that what users copy is what is tested. */
export function leastPrivilege(): string[] {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const rights = LINE.exec(readme)?.[1];
  if (rights === undefined) throw new Error('The README names no least-privilege user.');
  return rights.split(' ');
}

/** The commands among them. */
export function leastCommands(): string[] {
  return leastPrivilege().filter((right) => /^[+-]/.test(right));
}
