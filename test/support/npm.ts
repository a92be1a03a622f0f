import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a command to its end. `env` is added to this process's environment. If it fails, rejects with its output. */
export async function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const options = { cwd, env: { ...withoutNpm(), ...env }, maxBuffer: 64 * 1024 * 1024 };
  try {
    return (await execute(command, args, options)).stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')} failed.\n${stdout}${stderr}`, { cause: error });
  }
}

/** Installs packages, preferably from npm's cache, without running their scripts. */
export async function npmInstall(folder: string, ...packages: string[]): Promise<void> {
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--strict-peer-deps'];
  await run('npm', ['install', ...options, ...packages], folder);
}

/** Resolves with the binary of another Node release, from the npm package `node`. Kept in `.cache`. */
export async function nodeBinary(version: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  const home = join(PROJECT, '.cache', `node-${version}`);
  if (!existsSync(home)) {
    await mkdir(dirname(home), { recursive: true });
    const folder = await mkdtemp(`${home}-`);
    try {
      await run('npm', ['init', '--yes'], folder);
      await npmInstall(folder, `${name}@${version}`);
      // Rename at the end, so that a partial install never counts as done. Another test file may have been faster.
      await rename(folder, home).catch((error: unknown) => {
        if (!existsSync(home)) throw error;
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return join(home, 'node_modules', name, 'bin', 'node');
}

/** Removes the options that an npm running this process has set in the environment, except cache and registry. */
function withoutNpm(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(?!config_(cache|registry))/i.test(name)),
  );
}
