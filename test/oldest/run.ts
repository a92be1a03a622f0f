import { spawn } from 'node:child_process';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OLDEST } from '../package/versions.js';
import { npmInstall } from '../support/npm.js';

// Runs the core suite on the oldest Nest and ioredis that the peer dependencies allow: `npm run test:oldest`. It works in
// a copy of the project whose dependencies are these releases. Arguments go to the test runner.

/** npm runs a script in the folder of the project. */
const PROJECT = process.cwd();
const HOME = join(PROJECT, '.cache/oldest');
const COPIED = ['lib', 'test', 'sample', 'dist', '.build', 'tsconfig.json', 'nest-cli.json', 'README.md'];
/** What the tests import besides the library's own dependencies. The other development dependencies only build and check. */
const NEEDED = ['reflect-metadata', 'rxjs', 'vitest', 'graphql', 'graphql-ws', 'typescript', 'prettier'];
/** The oldest releases of what only samples and tests use. */
const OLDEST_OF_TESTS = { '@nestjs/config': '4.0.0', '@nestjs/jwt': '11.0.0' };
/** Compiles the documents against the newest types, and runs the samples, which `npm test` does already. */
const LEFT_OUT = ['test/docs/**', 'test/integration/**', 'test/browser/**', 'test/package/**'];

interface Manifest {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

async function makeCopy(): Promise<void> {
  await rm(HOME, { recursive: true, force: true });
  await mkdir(HOME, { recursive: true });
  for (const path of COPIED)
    await cp(join(PROJECT, path), join(HOME, path), { recursive: true, filter: isSource });
  const manifest = JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8')) as Manifest;
  // Microsoft's clients of SignalR are the same on all releases of Nest.
  const clients = Object.keys(manifest.devDependencies).filter((name) => name.includes('signalr'));
  const needed = [...NEEDED, ...clients].map(
    (name) => [name, manifest.devDependencies[name] ?? '*'] as const,
  );
  const copy = {
    ...manifest,
    devDependencies: { ...Object.fromEntries(needed), ...OLDEST, ...OLDEST_OF_TESTS },
  };
  await writeFile(join(HOME, 'package.json'), JSON.stringify(copy, null, 2));
  await npmInstall(HOME);
}

function isSource(path: string): boolean {
  return !path.endsWith('node_modules');
}

function runTests(options: readonly string[]): Promise<number> {
  const vitest = join(HOME, 'node_modules/vitest/vitest.mjs');
  const excluded = LEFT_OUT.flatMap((pattern) => ['--exclude', pattern]);
  const args = [vitest, 'run', '--config', 'test/vitest.config.ts', ...excluded, ...options];
  const runner = spawn(process.execPath, args, { cwd: HOME, stdio: 'inherit' });
  return new Promise((resolve) => runner.once('close', (code) => resolve(code ?? 1)));
}

await makeCopy();
process.exitCode = await runTests(process.argv.slice(2));
