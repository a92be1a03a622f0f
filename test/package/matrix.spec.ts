import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QuickStart } from '../docs/quick-start.js';
import { useRedis } from '../support/acceptance.js';
import { useTestFarm } from '../support/test-farm.js';
import { type AppKind, GeneratedApp } from './generated-app.js';
import { useTarball } from './tarball.js';
import { type NodeRelease, NODES, OLDEST } from './versions.js';

const INSTALL_TIMEOUT_MS = 300_000;
const TEST_TIMEOUT_MS = 120_000;

interface Row extends AppKind {
  readonly name: string;
  readonly nodes: readonly NodeRelease[];
  /** The releases of Node on which the app's test runner cannot load Nest itself. */
  readonly unloadable?: readonly NodeRelease[];
}

/** Every pair of a release of Nest, a module system, a release of ioredis and a release of Node. */
const MATRIX: readonly Row[] = [
  {
    name: 'the oldest Nest 11 and ioredis 5',
    nest: 11,
    modules: 'cjs',
    pinned: OLDEST,
    nodes: ['20.19.0', '24.9.0'],
  },
  {
    name: 'the newest Nest 11 and ioredis 6',
    nest: 11,
    modules: 'cjs',
    pinned: {},
    nodes: ['22.12.0', '26.10.0'],
  },
  {
    name: 'Nest 12 in ES modules and ioredis 6',
    nest: 12,
    modules: 'esm',
    pinned: {},
    nodes: ['20.19.0', '24.9.0'],
  },
  {
    name: 'Nest 12 in ES modules and ioredis 5',
    nest: 12,
    modules: 'esm',
    pinned: { ioredis: '^5' },
    nodes: ['22.12.0', '26.10.0'],
  },
  {
    name: 'Nest 12 in CommonJS and ioredis 6',
    nest: 12,
    modules: 'cjs',
    pinned: {},
    nodes: NODES,
    // Jest loads ES modules by `require` from Node 24.9 on.
    unloadable: ['20.19.0', '22.12.0'],
  },
];

const farm = useTestFarm();
// Not the shared Redis, because all of these apps use the channel prefix of the README.
const redis = useRedis({ own: true });
const tarball = useTarball();
const quickStart = new QuickStart();

describe.each(MATRIX)('A generated app with $name', ({ nodes, unloadable = [], ...kind }) => {
  let app: GeneratedApp;
  beforeAll(async () => {
    app = await GeneratedApp.generate(kind, tarball.path);
    await app.npmInstall();
    await app.build();
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => app.remove());

  /** @returns the address of a server, as the README starts it */
  async function start(node: NodeRelease): Promise<string> {
    const server = await app.start(node, { REDIS_URL: redis.url, PORT: '0' });
    farm.onEnd(() => server.kill());
    return quickStart.addressOf(server);
  }

  it.each(nodes)(
    'connects two servers on Node %s with nothing but the quick start of the README',
    async (node) => {
      const [first, second] = await Promise.all([start(node), start(node)]);
      expect(await quickStart.play(first, second)).toEqual(quickStart.expected);
    },
    TEST_TIMEOUT_MS,
  );

  it.each(nodes.filter((node) => !unloadable.includes(node)))(
    'passes an end-to-end test of a gateway with its own test runner on Node %s',
    async (node) => {
      const output = await app.run(node, 'npm', 'run', 'test:e2e');
      expect(output).not.toContain('did not exit');
    },
    TEST_TIMEOUT_MS,
  );

  it.each(unloadable)(
    'cannot be tested by its own test runner on Node %s, which does not load Nest itself',
    async (node) => {
      const reason = /Must use import to load ES Module: .*\/@nestjs\//;
      await expect(app.run(node, 'npm', 'run', 'test:e2e')).rejects.toThrow(reason);
    },
    TEST_TIMEOUT_MS,
  );
});

describe('The linter of a generated app', () => {
  let app: GeneratedApp;
  beforeAll(async () => {
    app = await GeneratedApp.generate({ nest: 12, modules: 'esm', pinned: {} }, tarball.path);
    await app.npmInstall();
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => app.remove());

  it(
    'accepts an emit that is not awaited, and no other promise',
    async () => {
      const lint = app.run('24.9.0', 'npx', 'oxlint', '--type-aware', '--format=unix', 'src/');
      const onlyTheJoin = /\nsrc\/unawaited\.ts:6:3: Promises must be awaited.*\n\n1 problem\n/;
      await expect(lint).rejects.toThrow(onlyTheJoin);
    },
    TEST_TIMEOUT_MS,
  );
});
