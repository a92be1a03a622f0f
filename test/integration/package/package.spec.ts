import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QuickStart } from '../../docs/quick-start.js';
import { useRedis } from '../../support/acceptance.js';
import { nodeBinary, PROJECT, run } from '../../support/npm.js';
import { useTestFarm } from '../../support/test-farm.js';
import { FreshApp, type ModuleSystem, pack } from './fresh-app.js';

const INSTALL_TIMEOUT_MS = 120_000;
const TEST_TIMEOUT_MS = 60_000;
/** These tests run on the oldest supported release. The others come from npm. */
const NODES = [process.versions.node, '22.23.3', '24.9.0'];

const farm = useTestFarm();
// Not the shared Redis, because all of these apps use the channel prefix of the README.
const redis = useRedis({ own: true });
let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'package-'));
  tarball = await pack(folder);
}, INSTALL_TIMEOUT_MS);
afterAll(() => rm(folder, { recursive: true, force: true }));

const quickStart = new QuickStart();

const bin = (name: string): string => join(PROJECT, 'node_modules/.bin', name);

describe('The package', () => {
  it('contains the build and no tests', async () => {
    const list = (await run('tar', ['-tzf', tarball], folder)).trim().split('\n');
    const inside = list.map((path) => path.replace(/^package\//, ''));
    expect(inside.filter((path) => !path.startsWith('dist/')).sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'package.json',
    ]);
    expect(inside).toContain('dist/index.js');
    expect(inside).toContain('dist/terminus/index.d.ts');
    expect(inside).toContain('dist/testing/index.d.ts');
    expect(inside.filter((path) => /\.spec\.|^test\/|tsbuildinfo/.test(path))).toEqual([]);
  });

  it('passes publint', () => run(bin('publint'), ['run', tarball, '--strict'], folder), TEST_TIMEOUT_MS);

  it(
    'passes arethetypeswrong',
    async () => {
      // The package has only ES modules, which CommonJS can require on every supported Node release. The apps below
      // prove it.
      const options = ['--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm'];
      await run(bin('attw'), [tarball, ...options], folder);
    },
    TEST_TIMEOUT_MS,
  );
});

describe.each<[name: string, type: ModuleSystem]>([
  ['ES modules', 'esm'],
  ['CommonJS', 'cjs'],
])('A new Nest app in %s with the documented peers', (_name, type) => {
  let app: FreshApp;
  beforeAll(async () => {
    app = await FreshApp.make(type, tarball);
    await app.build();
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => app.remove());

  /** @returns the address of an instance, as the README starts it */
  async function start(node: string, env: NodeJS.ProcessEnv): Promise<string> {
    const instance = await app.start(node, env);
    farm.onEnd(() => instance.kill());
    return quickStart.addressOf(instance);
  }

  it.each(NODES)(
    'on Node %s connects two servers with nothing but the quick start of the README',
    async (version) => {
      const node = version === process.versions.node ? process.execPath : await nodeBinary(version);
      expect((await run(node, ['--version'], folder)).trim()).toBe(`v${version}`);
      const env = { ...process.env, NODE_OPTIONS: '', REDIS_URL: redis.url, PORT: '0' };
      const [first, second] = await Promise.all([start(node, env), start(node, env)]);

      expect(await quickStart.play(first, second)).toEqual(quickStart.expected);
    },
    INSTALL_TIMEOUT_MS,
  );
});
