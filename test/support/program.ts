import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Binary, type DebianBinary, downloadOnce, downloadedIn } from './debian-package.js';

const execute = promisify(execFile);

/** A program that is not of npm, and where it is had from. */
export interface Program extends DebianBinary {
  /** As error messages call it; its folder in the cache too. */
  readonly name: string;
  /** The environment variable that names another binary. */
  readonly variable: string;
  /** What it is called where it is installed, the best first. */
  readonly commands: readonly string[];
  /** With which it tells its version and ends. */
  readonly versionArgument: string;
  /** What a person can do where there is none. */
  readonly advice: string;
}

export class ProgramError extends Error {
  override readonly name = 'ProgramError';

  constructor(problem: string, { advice }: Program, cause?: unknown) {
    super(`${problem}\n${advice}`, { cause });
  }
}

/** The configured binary, an installed one, or one downloaded into `cache`. */
export async function findProgram(
  program: Program,
  cache = join(projectRoot(), '.cache', program.name),
): Promise<Binary> {
  const configured = process.env[program.variable];
  if (configured) return configuredBinary(program, configured);
  for (const command of program.commands) {
    const installed = { command, env: process.env };
    if (await works(program, installed)) return installed;
  }
  const check = (binary: Binary): Promise<void> => verify(program, binary);
  try {
    return (await downloadedIn(cache, program, check)) ?? (await downloadOnce(cache, program, check));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const problem = `There is no ${program.name} on the PATH, and downloading its Debian packages failed: ${reason}`;
    throw new ProgramError(problem, program, error);
  }
}

/** Not a fixed number of folders up: this file also runs from a compiled copy deeper in the project. */
export function projectRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && readFileSync(manifest, 'utf8').includes('"name": "nestjs-redis-backplane"')) {
      return folder;
    }
    if (folder === dirname(folder)) throw new Error('test/support must run from inside the project folder.');
  }
}

async function configuredBinary(program: Program, configured: string): Promise<Binary> {
  // A server gets a working folder of its own, from where a relative path would lead nowhere.
  const command = configured.includes('/') ? resolve(configured) : configured;
  const binary = { command, env: process.env };
  try {
    await verify(program, binary);
    return binary;
  } catch (error) {
    throw new ProgramError(`${program.variable} is "${configured}", which does not run.`, program, error);
  }
}

async function verify({ versionArgument }: Program, { command, env }: Binary): Promise<void> {
  await execute(command, [versionArgument], { env, timeout: 10_000 });
}

async function works(program: Program, binary: Binary): Promise<boolean> {
  try {
    await verify(program, binary);
    return true;
  } catch {
    return false;
  }
}
