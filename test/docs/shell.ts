import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from '../support/npm.js';
import { type CodeBlock, place } from './markdown.js';

const { scripts } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
/** What npm itself understands. */
const NPM_COMMANDS = new Set(['ci', 'install']);
const OWN_FOLDERS = /(?:^|\s)((?:lib|sample|test)\/[^\s;&|)"'*]*)/g;

/** What is wrong with a block of shell commands: its syntax, or a script, a program, a sample or a file that is not there. */
export function shellErrors(block: CodeBlock): string[] {
  const { status, stderr } = spawnSync('bash', ['-n'], { input: block.code, encoding: 'utf8' });
  const problems = status === 0 ? [] : [stderr.trim()];
  for (const line of block.code.split('\n')) problems.push(...commandErrors(line.replace(/(^|\s)#.*/, '')));
  return problems.map((problem) => `${place(block)}: ${problem}`);
}

function commandErrors(line: string): string[] {
  const problems: string[] = [];
  for (const [, command = '', argument = ''] of line.matchAll(/\bnpm ([\w:-]+)(?: ([\w:-]+))?/g)) {
    const script = command === 'run' ? argument : command;
    if (!NPM_COMMANDS.has(script) && scripts[script] === undefined)
      problems.push(`package.json has no script "${script}"`);
  }
  for (const [, program = ''] of line.matchAll(/\bnpx ([\w-]+)/g)) {
    if (!existsSync(join(PROJECT, 'node_modules/.bin', program)))
      problems.push(`no package has the program "${program}"`);
  }
  for (const [, number = ''] of line.matchAll(/\bnpm run sample (\S+)/g)) {
    if (!readdirSync(join(PROJECT, 'sample')).some((name) => name.startsWith(`${number}-`)))
      problems.push(`there is no sample ${number}`);
  }
  for (const [, path = ''] of line.matchAll(OWN_FOLDERS)) {
    if (!existsSync(join(PROJECT, path))) problems.push(`there is no file ${path}`);
  }
  return problems;
}
