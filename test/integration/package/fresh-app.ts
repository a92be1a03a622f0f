import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QuickStart } from '../../docs/quick-start.js';
import { npmInstall, PROJECT, run } from '../../support/npm.js';
import { type GuardedProcess, startGuarded } from '../../support/process-guard.js';

export type ModuleSystem = 'esm' | 'cjs';

interface Manifest {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

const SCHEMATICS = join(PROJECT, 'node_modules/@angular-devkit/schematics-cli/bin/schematics.js');
const COLLECTION = join(PROJECT, 'node_modules/@nestjs/schematics/dist/collection.json');
const FIXTURE = new URL('app/', import.meta.url);

/** Packs the built package. @returns the path of the tarball */
export async function pack(folder: string): Promise<string> {
  const name = await run(
    'npm',
    ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder],
    PROJECT,
  );
  return join(folder, name.trim());
}

/** A Nest app made by Nest's own generator, with the package installed and the files of the README's quick start. */
export class FreshApp {
  private constructor(private readonly folder: string) {}

  static async make(type: ModuleSystem, tarball: string): Promise<FreshApp> {
    const parent = await mkdtemp(join(tmpdir(), 'fresh-app-'));
    const app = new FreshApp(join(parent, type));
    try {
      const generate = [`${COLLECTION}:application`, `--name=${type}`, `--type=${type}`, '--language=ts'];
      await run(process.execPath, [SCHEMATICS, ...generate, '--no-dry-run', '--package-manager=npm'], parent);
      await app.install(tarball);
      for (const [path, code] of new QuickStart().files) await writeFile(join(app.folder, path), code);
      await cp(FIXTURE, join(app.folder, 'src'), { recursive: true });
    } catch (error) {
      await app.remove();
      throw error;
    }
    return app;
  }

  /** Compiles it with the generated configuration. */
  async build(): Promise<void> {
    const tsc = join(this.folder, 'node_modules/typescript/bin/tsc');
    // Exclude the generated tests and the types of their runner.
    const options = ['-p', 'tsconfig.build.json', '--types', 'node', '--rootDir', 'src'];
    await run(process.execPath, [tsc, ...options], this.folder);
  }

  /** Runs the built app. The caller kills it. */
  start(node: string, env: NodeJS.ProcessEnv): Promise<GuardedProcess> {
    return startGuarded({ command: node, args: [join(this.folder, 'dist/main.js')], env });
  }

  async remove(): Promise<void> {
    await rm(join(this.folder, '..'), { recursive: true, force: true });
  }

  private async install(tarball: string): Promise<void> {
    const manifest = await manifestOf(this.folder);
    // The generated app's test runner and linters are not needed.
    manifest.devDependencies = { typescript: '*', '@types/node': '*' };
    const { devDependencies: ours } = await manifestOf(PROJECT);
    for (const group of [manifest.dependencies, manifest.devDependencies])
      for (const name of Object.keys(group)) group[name] = ours[name] ?? '*';
    await writeFile(join(this.folder, 'package.json'), JSON.stringify(manifest));
    const peers = (await documentedPeers()).map((name) => `${name}@${ours[name] ?? ''}`);
    await npmInstall(this.folder, tarball, ...peers);
  }
}

/** The packages that the README's install command names. A user installs no others. */
async function documentedPeers(): Promise<string[]> {
  const readme = await readFile(join(PROJECT, 'README.md'), 'utf8');
  const [, names] = /^npm install nestjs-redis-backplane (.+)$/m.exec(readme) ?? [];
  if (!names) throw new Error('The README has no line "npm install nestjs-redis-backplane …".');
  return names.split(' ');
}

async function manifestOf(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
}
