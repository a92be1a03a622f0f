import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a command to its end. Rejects with all that it wrote where it fails. */
export async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    return (await execute(command, args, { cwd, env: withoutNpm(), maxBuffer: 64 * 1024 * 1024 })).stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')} failed.\n${stdout}${stderr}`, { cause: error });
  }
}

/** Installs packages: from npm's cache where they are there, and without scripts of theirs. */
export async function npmInstall(folder: string, ...packages: string[]): Promise<void> {
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--strict-peer-deps'];
  await run('npm', ['install', ...options, ...packages], folder);
}

/** The binary of another release of Node, as npm's package `node` brings it. Kept in `.cache`. */
export async function nodeBinary(version: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  const home = join(PROJECT, '.cache', `node-${version}`);
  if (!existsSync(home)) {
    await mkdir(dirname(home), { recursive: true });
    const folder = await mkdtemp(`${home}-`);
    try {
      await run('npm', ['init', '--yes'], folder);
      await npmInstall(folder, `${name}@${version}`);
      // Whole or not at all, however this process ends.
      await rename(folder, home);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return join(home, 'node_modules', name, 'bin', 'node');
}

/** An npm that runs this process has set its own options in the environment; they are not meant for another folder's. */
function withoutNpm(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(?!config_(cache|registry))/i.test(name)),
  );
}
