import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { minify, transformWithOxc } from 'vite';
import { PROJECT } from '../support/npm.js';

const MAX_BYTES = 2048;

/** Bytes of the module, minified and compressed. */
async function sizeOf(source: string): Promise<number> {
  const { code } = await transformWithOxc(source, 'client.ts', { target: 'es2022' });
  const minified = await minify('client.js', code, { module: true });
  return gzipSync(minified.code, { level: 9 }).length;
}

it('the client takes at most 2 KB, minified and compressed', async () => {
  const source = await readFile(join(PROJECT, 'lib/client/index.ts'), 'utf8');
  const size = await sizeOf(source);
  expect(size).toBeLessThanOrEqual(MAX_BYTES);
  // Neither comments nor types count, but code does.
  expect(
    await sizeOf(`// ${'a comment '.repeat(500)}\n${source}\nexport interface More { more: string }`),
  ).toBe(size);
  expect(await sizeOf(`${source}\nexport const more = (text: string) => text.split('-');`)).toBeGreaterThan(
    size,
  );
});

it('the client is one file that imports nothing', async () => {
  const source = await readFile(join(PROJECT, 'lib/client/index.ts'), 'utf8');
  expect(source).not.toMatch(/^\s*(import|export .* from)\b|\bimport\(|\brequire\(/m);
});
