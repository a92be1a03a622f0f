import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const DEBIAN = 'http://deb.debian.org/debian';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

export interface Binary {
  command: string;
  env: NodeJS.ProcessEnv;
}

/** A binary from Debian packages. */
export interface DebianBinary {
  /** Missing libraries are added automatically. */
  readonly packages: readonly string[];
  /** The path of the binary inside the packages. */
  readonly path: string;
  /** Whether some packages may exist only in the backports of this Debian release. */
  readonly backports?: boolean;
  /** Environment variables, besides the library path, that it needs to run from a folder of extracted packages. */
  readonly environment?: (root: string) => NodeJS.ProcessEnv;
}

/** Rejects if the binary does not run. */
type Check = (binary: Binary) => Promise<void>;

/** Resolves with the program if it was downloaded before and still runs. */
export async function downloadedIn(
  cache: string,
  source: DebianBinary,
  check: Check,
): Promise<Binary | undefined> {
  const root = rootIn(cache);
  if (!existsSync(root)) return undefined;
  const binary = await binaryIn(root, source);
  return check(binary).then(
    () => binary,
    () => undefined,
  );
}

/**
 * Downloads Debian packages and extracts them into `cache`, without root and without installing anything. Test workers
 * call this at the same time, so the first one downloads while the others wait for its copy.
 */
export async function downloadOnce(cache: string, source: DebianBinary, check: Check): Promise<Binary> {
  await run('apt-get', ['--version']);
  await mkdir(cache, { recursive: true });
  const unlock = await lock(join(cache, 'lock'));
  try {
    return (await downloadedIn(cache, source, check)) ?? (await download(cache, source, check));
  } finally {
    unlock();
  }
}

function rootIn(cache: string): string {
  return join(cache, 'root');
}

async function binaryIn(root: string, { path, environment }: DebianBinary): Promise<Binary> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const libraries = entries.filter((entry) => /^lib.+\.so(\.|$)/.test(entry.name));
  const folders = new Set(libraries.map((entry) => entry.parentPath));
  const searchPath = [...folders, process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter);
  return {
    command: join(root, path),
    env: { ...process.env, LD_LIBRARY_PATH: searchPath, ...environment?.(root) },
  };
}

/** A process holds the lock until its input closes, so a killed worker never leaves it locked. */
async function lock(file: string): Promise<() => void> {
  const holder = spawn('flock', [file, 'sh', '-c', 'echo locked && exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(holder, 'spawn');
  const locked = once(holder.stdout, 'data').then(() => true);
  const failed = once(holder, 'exit').then(() => false);
  if (!(await Promise.race([locked, failed]))) throw new Error(`Could not lock ${file} with flock.`);
  return () => holder.stdin.end();
}

/** Downloads into a temporary folder and renames it at the end, so that a partial download never counts as done. */
async function download(cache: string, source: DebianBinary, check: Check): Promise<Binary> {
  for (const name of await readdir(cache)) {
    if (name.startsWith('build-')) await rm(join(cache, name), { recursive: true, force: true });
  }
  const folder = await mkdtemp(join(cache, 'build-'));
  const root = rootIn(cache);
  try {
    const built = await fetchPackages(folder, source);
    await check(await binaryIn(built, source));
    await rm(root, { recursive: true, force: true });
    await rename(built, root);
    return await binaryIn(root, source);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fetchPackages(folder: string, source: DebianBinary): Promise<string> {
  const settings = [
    `Dir::Cache=${folder}/cache`,
    'Debug::NoLocking=1',
    // As root, apt would otherwise switch to a user that may not write here.
    'APT::Sandbox::User=root',
    'Acquire::Retries=2',
    'Acquire::http::Timeout=20',
    'Acquire::https::Timeout=20',
  ];
  const machineLists = settings.flatMap((setting) => ['-o', setting]);
  try {
    return await fetchWithLibraries(join(folder, 'machine'), machineLists, source);
  } catch {
    // The machine's package lists are missing or outdated, and only root may update them. Use separate lists.
    const sources = source.backports ? await backports(folder) : [];
    const ownLists = [...machineLists, ...sources, '-o', `Dir::State::Lists=${folder}/lists`];
    await mkdir(join(folder, 'lists', 'partial'), { recursive: true });
    // Ignore the exit code: one broken source fails the update, but the others may be enough for the download.
    await run('apt-get', [...ownLists, 'update']).catch(() => undefined);
    return fetchWithLibraries(join(folder, 'own'), ownLists, source);
  }
}

/** apt options for Debian's own sources, including the backports of this release. */
async function backports(folder: string): Promise<string[]> {
  const release = await readFile('/etc/os-release', 'utf8');
  const name = /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1] ?? '';
  const file = join(folder, 'sources.list');
  const suites = [name, `${name}-backports`];
  await writeFile(
    file,
    suites.map((suite) => `deb [signed-by=${KEYRING}] ${DEBIAN} ${suite} main\n`).join(''),
  );
  return ['-o', `Dir::Etc::SourceList=${file}`, '-o', 'Dir::Etc::SourceParts=/dev/null'];
}

async function fetchWithLibraries(folder: string, apt: string[], source: DebianBinary): Promise<string> {
  const root = join(folder, 'root');
  await mkdir(root, { recursive: true });
  let packages = [...source.packages];
  const known = await installedPackages();
  for (;;) {
    await extract(packages, folder, root, apt);
    const missing = await missingLibraries(await binaryIn(root, source));
    if (missing.length === 0) return root;
    packages.forEach((name) => known.add(name));
    packages = (await dependencies(packages, apt)).filter((name) => !known.has(name));
    if (packages.length === 0)
      throw new Error(`No dependency provides the missing libraries ${missing.join(', ')}.`);
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

async function missingLibraries({ command, env }: Binary): Promise<string[]> {
  const list = await run('ldd', [command], undefined, env);
  return names(list, /^\s*(\S+) => not found$/gm);
}

function names(list: string, pattern: RegExp): string[] {
  return [...list.matchAll(pattern)].flatMap(([, name]) => name ?? []);
}

async function run(command: string, args: string[], cwd?: string, env = process.env): Promise<string> {
  const options = { cwd, env: { ...env, LC_ALL: 'C' }, timeout: 120_000 };
  return (await execute(command, args, options)).stdout;
}
