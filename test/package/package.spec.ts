import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT, run } from '../support/npm.js';
import { useTarball } from './tarball.js';

const TEST_TIMEOUT_MS = 60_000;

const tarball = useTarball();
const bin = (name: string): string => join(PROJECT, 'node_modules/.bin', name);

describe('The package', () => {
  it('contains both builds and no tests', async () => {
    const list = (await run('tar', ['-tzf', tarball.path], tarball.folder)).trim().split('\n');
    const inside = list.map((path) => path.replace(/^package\//, ''));
    expect(inside.filter((path) => !path.startsWith('dist/')).sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'package.json',
    ]);
    const files = (format: string): string[] =>
      inside.filter((path) => path.startsWith(`dist/${format}/`)).map((path) => path.replace(format, ''));
    expect(files('esm')).toContain('dist//index.js');
    expect(files('cjs').filter((path) => path !== 'dist//package.json')).toEqual(files('esm'));
    expect(inside.filter((path) => /spec|test\/|tsbuildinfo/.test(path))).toEqual([]);
  });

  it('has an entry for each folder with an index', async () => {
    const folders = await readdir(join(PROJECT, 'lib'), { withFileTypes: true });
    const { exports, typesVersions } = await tarball.manifest();
    const paths = Object.keys(exports).filter((path) => path !== '.' && path !== './package.json');
    expect(Object.keys(typesVersions['*'] ?? {})).toEqual(paths.map((path) => path.slice(2)));
    for (const path of paths) expect(folders.map(({ name }) => name)).toContain(path.slice(2));
  });

  it(
    'passes publint',
    () => run(bin('publint'), ['run', tarball.path, '--strict'], tarball.folder),
    TEST_TIMEOUT_MS,
  );

  it('passes arethetypeswrong', () => run(bin('attw'), [tarball.path], tarball.folder), TEST_TIMEOUT_MS);
});
