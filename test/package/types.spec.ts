import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run } from '../support/npm.js';
import { type Installed, peers, useInstalled } from './installed.js';
import { useTarball } from './tarball.js';

const TEST_TIMEOUT_MS = 120_000;
const CONSUMER = new URL('app/src/types-that-resolve.ts', import.meta.url);
/** Apart from the consumer, because generated apps do not have `@nestjs/terminus`. */
const HEALTH_CONSUMER = `
import { RedisBackplaneHealthIndicator } from 'nestjs-redis-backplane/terminus';

export function wrongHealth(indicator: RedisBackplaneHealthIndicator): string {
  // @ts-expect-error the result is an object
  return indicator.readiness();
}
`;
/** What the compiler says about a consumer's file, or about the types of the package. Others have errors of their own. */
const OURS = /^(consumer\.ts|\.\.\/node_modules\/nestjs-redis-backplane\/)/;

type Options = Readonly<Record<string, unknown>>;

/** How consumers compile. The first one also checks the types of the package, which takes the compiler ten seconds. */
const ESM: readonly Options[] = [
  { module: 'nodenext', moduleResolution: 'nodenext', skipLibCheck: false },
  { module: 'node16', moduleResolution: 'node16' },
  { module: 'esnext', moduleResolution: 'bundler' },
];
const CJS: readonly Options[] = [
  { module: 'nodenext', moduleResolution: 'nodenext', skipLibCheck: false },
  { module: 'node16', moduleResolution: 'node16' },
  { module: 'commonjs', moduleResolution: 'node10' },
];

const tarball = useTarball();
const nest11 = useInstalled(tarball, ...peers('11', '5.4.0'), 'typescript@5.7', '@types/node@20');
const nest12 = useInstalled(tarball, ...peers('12', '6'), 'typescript@6.0', '@types/node@24');

/** The errors of a consumer that compiles with these options, as the compiler prints them. */
async function errors(
  installed: Installed,
  modules: 'esm' | 'cjs',
  options: Options,
  code: string,
): Promise<string[]> {
  const folder = installed.of(modules);
  await writeFile(join(folder, 'consumer.ts'), code);
  const common = { target: 'ES2023', strict: true, noEmit: true, experimentalDecorators: true };
  const compilerOptions = { ...common, skipLibCheck: true, types: ['node'], ...options };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
  const tsc = join(installed.folder, 'node_modules/typescript/bin/tsc');
  const output = await run(process.execPath, [tsc, '--pretty', 'false'], folder).catch(String);
  return output.split('\n').filter((line) => OURS.test(line));
}

describe.each([
  ['Nest 11, ioredis 5.4 and TypeScript 5.7', nest11, {}],
  // TypeScript 6 has deprecated node10.
  ['Nest 12, ioredis 6 and TypeScript 6', nest12, { ignoreDeprecations: '6.0' }],
] as const)('With %s', (_name, installed, more) => {
  const shown = (options: Options): string =>
    `${String(options['module'])}, ${String(options['moduleResolution'])}`;

  describe.each([
    ['ES modules', 'esm', ESM],
    ['CommonJS', 'cjs', CJS],
  ] as const)('in %s', (_system, modules, configurations) => {
    it.each(configurations.map((options) => [shown(options), options] as const))(
      'the types compile with %s',
      async (_shown, options) => {
        const code = (await readFile(CONSUMER, 'utf8')) + HEALTH_CONSUMER;
        expect(await errors(installed, modules, { ...options, ...more }, code)).toEqual([]);
      },
      TEST_TIMEOUT_MS,
    );

    it.each(configurations.map((options) => [shown(options), options] as const))(
      'an entry that does not exist is an error with %s',
      async (_shown, options) => {
        const code = "import 'nestjs-redis-backplane/none';\nexport * from 'nestjs-redis-backplane/none';\n";
        const found = await errors(installed, modules, { ...options, ...more, skipLibCheck: true }, code);
        expect(found.join('\n')).toContain('TS2307');
      },
      TEST_TIMEOUT_MS,
    );
  });
});
