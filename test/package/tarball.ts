import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { PROJECT, run } from '../support/npm.js';

export interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly typesVersions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

/** The packed package. */
export interface Tarball {
  /** A temporary folder that contains the tarball. */
  readonly folder: string;
  readonly path: string;
  manifest(): Promise<Manifest>;
}

/** Packs the built package for the tests of a file. */
export function useTarball(): Tarball {
  let folder: string;
  let path: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'package-'));
    const options = ['--ignore-scripts', '--silent', '--pack-destination', folder];
    path = join(folder, (await run('npm', ['pack', ...options], PROJECT)).trim());
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return {
    get folder() {
      return folder;
    },
    get path() {
      return path;
    },
    manifest: async () => JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8')) as Manifest,
  };
}
