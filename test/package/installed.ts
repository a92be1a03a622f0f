import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { npmInstall } from '../support/npm.js';
import type { Tarball } from './tarball.js';

const INSTALL_TIMEOUT_MS = 300_000;

/** A folder in which the packed package and other packages are installed. It contains a folder for each module system. */
export interface Installed {
  readonly folder: string;
  /** A folder whose files are ES modules or CommonJS. */
  of(modules: 'esm' | 'cjs'): string;
}

/** Installs the packed package beside others, such as `ioredis@5`, for the tests of a file. */
export function useInstalled(tarball: Tarball, ...packages: readonly string[]): Installed {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'installed-'));
    await writeFile(join(folder, 'package.json'), '{ "private": true }');
    for (const [name, type] of [
      ['esm', 'module'],
      ['cjs', 'commonjs'],
    ] as const) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'package.json'), JSON.stringify({ type }));
    }
    await npmInstall(folder, tarball.path, ...packages);
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return {
    get folder() {
      return folder;
    },
    of: (modules) => join(folder, modules),
  };
}

/** The peer dependencies, with these releases of Nest and ioredis. */
export function peers(nest: string, ioredis: string): string[] {
  const names = ['common', 'core', 'platform-express', 'platform-ws', 'terminus', 'websockets'];
  return [
    ...names.map((name) => `@nestjs/${name}@${nest}`),
    `ioredis@${ioredis}`,
    'reflect-metadata@0.2',
    'rxjs@7',
  ];
}
