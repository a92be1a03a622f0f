import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { QuickStart } from '../docs/quick-start.js';
import { nodeBinary, npmInstall, PROJECT, run } from '../support/npm.js';
import { type GuardedProcess, startGuarded } from '../support/process-guard.js';
import { GENERATORS, type NodeRelease, type Releases } from './versions.js';

export type ModuleSystem = 'esm' | 'cjs';

export interface AppKind {
  readonly nest: 11 | 12;
  /** Nest 11 generates CommonJS only. */
  readonly modules: ModuleSystem;
  /** Releases to install instead of the newest ones that the generated ranges allow. */
  readonly pinned: Releases;
}

interface Manifest {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

const E2E_TEST = 'test/chat.e2e-spec.ts';
const FIXTURE = new URL('app/', import.meta.url);
/** An import of a file of the app, as ES modules write it. */
const RELATIVE_IMPORT = /(from '\.{1,2}\/[^']+)\.js'/g;

/**
 * An app made by Nest's own generator, with its test runner, and with the package from the tarball among its dependencies.
 * It contains the files of the README's quick start and an end-to-end test.
 */
export class GeneratedApp {
  private constructor(
    readonly folder: string,
    private readonly modules: ModuleSystem,
  ) {}

  /** Generates the app. Its dependencies are not installed. */
  static async generate(kind: AppKind, tarball: string): Promise<GeneratedApp> {
    const parent = await mkdtemp(join(tmpdir(), 'generated-app-'));
    const app = new GeneratedApp(join(parent, 'app'), kind.modules);
    try {
      await generate(kind, parent);
      await app.addDependencies(kind, tarball);
      for (const [path, code] of new QuickStart().files) await app.write(path, code);
      // It tests the generated controller, which the module of the quick start does not have.
      await rm(join(app.folder, 'test/app.e2e-spec.ts'));
      await app.write(E2E_TEST, await readFile(new URL(E2E_TEST, FIXTURE), 'utf8'));
      await cp(new URL('src/', FIXTURE), join(app.folder, 'src'), { recursive: true });
    } catch (error) {
      await app.remove();
      throw error;
    }
    return app;
  }

  async npmInstall(...packages: readonly string[]): Promise<void> {
    await npmInstall(this.folder, ...packages);
  }

  /** Builds it on the release of Node that runs the tests, because Nest's own tools do not run on the oldest ones. */
  async build(): Promise<void> {
    await run('npm', ['run', 'build'], this.folder);
  }

  /** Starts the built app. The caller kills it. */
  async start(release: NodeRelease, env: NodeJS.ProcessEnv, entry = 'dist/main.js'): Promise<GuardedProcess> {
    return startGuarded({
      command: await nodeBinary(release),
      args: [join(this.folder, entry)],
      env: { ...process.env, NODE_OPTIONS: '', ...env },
    });
  }

  /**
   * Runs a command in the app's folder on a release of Node. Resolves with the output once the process has exited by itself.
   *
   * @throws Error (as a rejection) with the output if the command fails
   */
  async run(release: NodeRelease, command: string, ...args: readonly string[]): Promise<string> {
    const folders = [dirname(await nodeBinary(release)), join(this.folder, 'node_modules/.bin')];
    const path = [...folders, process.env['PATH']].join(delimiter);
    // Not the NODE_ENV of these tests: with it, Nest's generator leaves files where they are.
    return run(command, args, this.folder, {
      PATH: path,
      NODE_ENV: undefined,
      REDIS_URL: 'memory:',
      CI: '1',
    });
  }

  /** Adds a file. In CommonJS, imports have no file extension, as the generator writes them. */
  async write(path: string, code: string): Promise<void> {
    const text = this.modules === 'cjs' ? code.replace(RELATIVE_IMPORT, "$1'") : code;
    await writeFile(join(this.folder, path), text);
  }

  async remove(): Promise<void> {
    await rm(dirname(this.folder), { recursive: true, force: true });
  }

  private async addDependencies({ nest, pinned }: AppKind, tarball: string): Promise<void> {
    const path = join(this.folder, 'package.json');
    const manifest = JSON.parse(await readFile(path, 'utf8')) as Manifest;
    const { dependencies, devDependencies } = manifest;
    for (const name of await documentedPeers())
      dependencies[name] = name.startsWith('@nestjs/') ? `^${nest}` : '*';
    dependencies['nestjs-redis-backplane'] = `file:${tarball}`;
    for (const group of [dependencies, devDependencies])
      for (const name of Object.keys(group)) group[name] = pinned[name] ?? group[name] ?? '*';
    await writeFile(path, JSON.stringify(manifest, null, 2));
  }
}

/** Runs the generator of this major version of Nest, which creates the folder `app`. */
async function generate({ nest, modules }: AppKind, parent: string): Promise<void> {
  const home = join(parent, 'generator');
  await mkdir(home);
  await npmInstall(home, ...Object.entries(GENERATORS[nest]).map((entry) => entry.join('@')));
  const packages = join(home, 'node_modules');
  const collection = join(packages, '@nestjs/schematics/dist/collection.json');
  const options = ['--name=app', '--language=ts', '--package-manager=npm', '--no-dry-run'];
  if (nest === 12) options.push(`--type=${modules}`, '--no-observe');
  const schematics = join(packages, '@angular-devkit/schematics-cli/bin/schematics.js');
  await run(process.execPath, [schematics, `${collection}:application`, ...options], parent);
}

/** The packages that the README's install command names. A user installs no others. */
async function documentedPeers(): Promise<string[]> {
  const readme = await readFile(join(PROJECT, 'README.md'), 'utf8');
  const [, names] = /^npm install nestjs-redis-backplane (.+)$/m.exec(readme) ?? [];
  if (!names) throw new Error('The README has no line "npm install nestjs-redis-backplane …".');
  return names.split(' ');
}
