import { beforeAll, describe, expect, it } from 'vitest';
import { nodeBinary, run } from '../support/npm.js';
import { type Installed, peers, useInstalled } from './installed.js';
import { useTarball } from './tarball.js';
import { NODES } from './versions.js';

const TEST_TIMEOUT_MS = 120_000;
const NAME = 'nestjs-redis-backplane';

/** Prints the exports that `import` and `require` of an entry do not share. */
const COMPARE = `
  const entries = process.argv.slice(1);
  const compare = async () => {
    require('reflect-metadata');
    const differences = [];
    let compared = 0;
    for (const entry of entries) {
      const imported = await import(entry);
      const required = require(entry);
      for (const name of new Set([...Object.keys(imported), ...Object.keys(required)])) {
        if (name === 'default' || name === 'module.exports' || name === '__esModule') continue;
        compared += 1;
        if (imported[name] === undefined || imported[name] !== required[name]) differences.push(entry + ' ' + name);
      }
    }
    console.log(JSON.stringify({ compared, differences }));
  };
  void compare();
`;

const tarball = useTarball();
let entries: string[];
beforeAll(async () => {
  const { exports } = await tarball.manifest();
  const paths = Object.keys(exports).filter((path) => path !== './package.json');
  entries = paths.map((path) => path.replace('.', NAME));
});

describe.each([
  ['Nest 11 and ioredis 5', useInstalled(tarball, ...peers('11', '5'))],
  ['Nest 12 and ioredis 6', useInstalled(tarball, ...peers('12', '6'))],
])('With %s', (_name, installed: Installed) => {
  it.each(NODES)(
    'import and require give the same classes on Node %s',
    async (release) => {
      const output = await run(await nodeBinary(release), ['-e', COMPARE, ...entries], installed.of('cjs'));
      const { compared, differences } = JSON.parse(output) as { compared: number; differences: string[] };
      expect(differences).toEqual([]);
      expect(compared).toBeGreaterThan(30);
    },
    TEST_TIMEOUT_MS,
  );
});
