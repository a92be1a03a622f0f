import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Binary, type DebianBinary, downloadOnce, downloadedIn } from './debian-package.js';

const execute = promisify(execFile);

/** A program that npm does not provide, and where to find it. */
export interface Program extends DebianBinary {
  /** Its name in error messages and its folder in the cache. */
  readonly name: string;
  /** The environment variable that names another binary. */
  readonly variable: string;
  /** Commands to try if it is installed, in order of preference. */
  readonly commands: readonly string[];
  /** The argument that makes it print its version and exit. */
  readonly versionArgument: string;
  /** What to do if it cannot be found. */
  readonly advice: string;
}

export class ProgramError extends Error {
  override readonly name = 'ProgramError';

  constructor(problem: string, { advice }: Program, cause?: unknown) {
    super(`${problem}\n${advice}`, { cause });
  }
}

/** Finds the configured binary, an installed one, or one downloaded into `cache`. */
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
    // Only the first line, because apt repeats its command and all of its output.
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
    const problem = `There is no ${program.name} on the PATH, and downloading its Debian packages failed: ${reason}.`;
    throw new ProgramError(problem, program, error);
  }
}

/** The project folder. Searches upwards because a compiled copy of this file lies deeper in the project. */
export function projectRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && readFileSync(manifest, 'utf8').includes('"name": "nestjs-redis-backplane"')) {
      return folder;
    }
    if (folder === dirname(folder))
      throw new Error('Could not find the project folder: test/support must run inside it.');
  }
}

async function configuredBinary(program: Program, configured: string): Promise<Binary> {
  // Resolve a relative path now because the program runs in another working folder.
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
