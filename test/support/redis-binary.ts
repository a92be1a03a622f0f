import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export interface RedisBinary {
  command: string;
  env: NodeJS.ProcessEnv;
}

export class RedisBinaryError extends Error {
  override readonly name = 'RedisBinaryError';

  constructor(problem: string, cause?: unknown) {
    super(
      `${problem}\nInstall the package redis-server (or valkey-server), or set REDIS_SERVER_BIN to the path of` +
        ` a redis-server binary, or set REDIS_URL to a Redis that is already running.`,
      { cause },
    );
  }
}

/** The redis-server to run: the configured one, an installed one, or one downloaded into `cache`. */
export async function findRedisBinary(cache = join(projectRoot(), '.cache', 'redis')): Promise<RedisBinary> {
  const configured = process.env.REDIS_SERVER_BIN;
  if (configured) return configuredBinary(configured);
  for (const command of ['redis-server', 'valkey-server']) {
    const installed = { command, env: process.env };
    if (await works(installed)) return installed;
  }
  const downloaded = join(cache, 'root');
  return (await workingBinaryIn(downloaded)) ?? (await downloadOnce(cache, downloaded));
}

/** Not a fixed number of folders up: this file also runs from a compiled copy deeper in the project. */
function projectRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && readFileSync(manifest, 'utf8').includes('"name": "nestjs-redis-backplane"')) {
      return folder;
    }
    if (folder === dirname(folder)) throw new Error('test/support must run from inside the project folder.');
  }
}

async function configuredBinary(configured: string): Promise<RedisBinary> {
  // The server gets a working folder of its own, from where a relative path would lead nowhere.
  const command = configured.includes('/') ? resolve(configured) : configured;
  const binary = { command, env: process.env };
  try {
    await verify(binary);
    return binary;
  } catch (error) {
    throw new RedisBinaryError(`REDIS_SERVER_BIN is "${configured}", which does not run.`, error);
  }
}

async function verify({ command, env }: RedisBinary): Promise<void> {
  await execute(command, ['--version'], { env, timeout: 10_000 });
}

async function works(binary: RedisBinary): Promise<boolean> {
  try {
    await verify(binary);
    return true;
  } catch {
    return false;
  }
}

async function workingBinaryIn(root: string): Promise<RedisBinary | undefined> {
  if (!existsSync(root)) return undefined;
  const binary = await binaryIn(root);
  return (await works(binary)) ? binary : undefined;
}

async function binaryIn(root: string): Promise<RedisBinary> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const libraries = entries.filter((entry) => /^lib.+\.so(\.|$)/.test(entry.name));
  const folders = new Set(libraries.map((entry) => entry.parentPath));
  const searchPath = [...folders, process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter);
  return {
    command: join(root, 'usr/bin/redis-server'),
    env: { ...process.env, LD_LIBRARY_PATH: searchPath },
  };
}

/** Test workers start at the same time: the first downloads, the others wait and use the same copy. */
async function downloadOnce(cache: string, root: string): Promise<RedisBinary> {
  try {
    await run('apt-get', ['--version']);
    await mkdir(cache, { recursive: true });
    const unlock = await lock(join(cache, 'lock'));
    try {
      return (await workingBinaryIn(root)) ?? (await download(cache, root));
    } finally {
      unlock();
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RedisBinaryError(
      `There is no redis-server on the PATH, and downloading its Debian packages failed: ${reason}`,
      error,
    );
  }
}

/** A process holds the lock until its input closes, so a killed worker never leaves it locked. */
async function lock(file: string): Promise<() => void> {
  const holder = spawn('flock', [file, 'sh', '-c', 'echo locked && exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(holder, 'spawn');
  const locked = once(holder.stdout, 'data').then(() => true);
  const failed = once(holder, 'exit').then(() => false);
  if (!(await Promise.race([locked, failed]))) throw new Error(`${file} cannot be locked.`);
  return () => holder.stdin.end();
}

/** Works in a folder of its own and renames at the end: half a download never counts as done. */
async function download(cache: string, root: string): Promise<RedisBinary> {
  for (const name of await readdir(cache)) {
    if (name.startsWith('build-')) await rm(join(cache, name), { recursive: true, force: true });
  }
  const folder = await mkdtemp(join(cache, 'build-'));
  try {
    const built = await fetchRedis(folder);
    await verify(await binaryIn(built));
    await rm(root, { recursive: true, force: true });
    await rename(built, root);
    return await binaryIn(root);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fetchRedis(folder: string): Promise<string> {
  const settings = [
    `Dir::Cache=${folder}/cache`,
    'Debug::NoLocking=1',
    // Otherwise apt, when run by root, drops to a user that may not write here.
    'APT::Sandbox::User=root',
    'Acquire::Retries=2',
    'Acquire::http::Timeout=20',
    'Acquire::https::Timeout=20',
  ];
  const machineLists = settings.flatMap((setting) => ['-o', setting]);
  try {
    return await fetchWithLibraries(join(folder, 'machine'), machineLists);
  } catch {
    // The package lists of the machine are absent or outdated, and only root may update them.
    const ownLists = [...machineLists, '-o', `Dir::State::Lists=${folder}/lists`];
    await mkdir(join(folder, 'lists', 'partial'), { recursive: true });
    // One broken source makes the update fail although the others are usable: the download decides.
    await run('apt-get', [...ownLists, 'update']).catch(() => undefined);
    return fetchWithLibraries(join(folder, 'own'), ownLists);
  }
}

async function fetchWithLibraries(folder: string, apt: string[]): Promise<string> {
  const root = join(folder, 'root');
  await mkdir(root, { recursive: true });
  let packages = ['redis-server', 'redis-tools'];
  const known = await installedPackages();
  for (;;) {
    await extract(packages, folder, root, apt);
    const missing = await missingLibraries(root);
    if (missing.length === 0) return root;
    packages.forEach((name) => known.add(name));
    packages = (await dependencies(packages, apt)).filter((name) => !known.has(name));
    if (packages.length === 0) throw new Error(`no package has ${missing.join(', ')}.`);
  }
}

async function extract(packages: string[], folder: string, root: string, apt: string[]): Promise<void> {
  await run('apt-get', [...apt, 'download', ...packages], folder);
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.deb')) continue;
    await run('dpkg', ['-x', name, root], folder);
    await rm(join(folder, name));
  }
}

async function installedPackages(): Promise<Set<string>> {
  const list = await run('dpkg-query', ['-W', '-f', '${db:Status-Abbrev}${Package}\n']);
  return new Set(names(list, /^ii +(\S+)$/gm));
}

async function dependencies(packages: string[], apt: string[]): Promise<string[]> {
  const list = await run('apt-cache', [...apt, 'depends', ...packages]);
  return [...new Set(names(list, /^[ |]+Depends: ([^<\s]+)$/gm))];
}

async function missingLibraries(root: string): Promise<string[]> {
  const { command, env } = await binaryIn(root);
  const list = await run('ldd', [command], root, env);
  return names(list, /^\s*(\S+) => not found$/gm);
}

function names(list: string, pattern: RegExp): string[] {
  return [...list.matchAll(pattern)].flatMap(([, name]) => name ?? []);
}

async function run(command: string, args: string[], cwd?: string, env = process.env): Promise<string> {
  const options = { cwd, env: { ...env, LC_ALL: 'C' }, timeout: 120_000 };
  return (await execute(command, args, options)).stdout;
}
