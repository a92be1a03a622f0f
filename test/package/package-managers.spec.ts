import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QuickStart } from '../docs/quick-start.js';
import { useRedis } from '../support/acceptance.js';
import { run } from '../support/npm.js';
import { useTestFarm } from '../support/test-farm.js';
import { type AppKind, GeneratedApp } from './generated-app.js';
import { useTarball } from './tarball.js';

const INSTALL_TIMEOUT_MS = 300_000;
const TEST_TIMEOUT_MS = 120_000;
/** A release on which all of these package managers run. */
const NODE = '24.9.0';

interface PackageManager {
  readonly name: string;
  readonly kind: AppKind;
  /** The package that contains it, and its command. */
  readonly package: string;
  readonly command: string;
  readonly install: readonly string[];
  /** Its configuration, given the address of the npm registry. */
  readonly files?: (registry: string) => Readonly<Record<string, string>>;
  /** How Node finds the packages, given the app's folder. */
  readonly nodeOptions?: (folder: string) => string;
}

const yarnWith = (nodeLinker: string): PackageManager['files'] => {
  return (registry) => ({
    '.yarnrc.yml': [
      `nodeLinker: ${nodeLinker}`,
      `npmRegistryServer: "${registry}"`,
      'enableTelemetry: false',
      'enableImmutableInstalls: false',
      'enableScripts: false',
      // ts-jest uses it without depending on it.
      'packageExtensions: { "ts-jest@*": { dependencies: { jest-util: "*" } } }',
    ].join('\n'),
    // Without it, Yarn looks for a project in the parent folders.
    'yarn.lock': '',
  });
};

const MANAGERS: readonly PackageManager[] = [
  {
    name: 'pnpm, with strict peer dependencies',
    kind: { nest: 12, modules: 'esm', pinned: {} },
    package: 'pnpm@12.21.0',
    command: 'pnpm',
    install: ['install', '--ignore-scripts'],
    files: () => ({
      'pnpm-workspace.yaml': [
        'strictPeerDependencies: true',
        // The generated vite-tsconfig-paths depends on tsconfck, which does not allow the generated TypeScript 6.
        'peerDependencyRules: { allowedVersions: { typescript: "6" } }',
      ].join('\n'),
    }),
  },
  {
    name: 'Yarn, in node_modules',
    kind: { nest: 12, modules: 'cjs', pinned: {} },
    package: '@yarnpkg/cli-dist@4.18.1',
    command: 'yarn',
    install: ['install'],
    files: yarnWith('node-modules'),
  },
  {
    name: 'Yarn, with Plug’n’Play',
    // The test script of Nest 12 names a file in node_modules.
    kind: { nest: 11, modules: 'cjs', pinned: {} },
    package: '@yarnpkg/cli-dist@4.18.1',
    command: 'yarn',
    install: ['install'],
    files: yarnWith('pnp'),
    nodeOptions: (folder) => `--require ${folder}/.pnp.cjs --loader ${folder}/.pnp.loader.mjs`,
  },
];

const farm = useTestFarm();
const redis = useRedis({ own: true });
const tarball = useTarball();
const quickStart = new QuickStart();

describe.each(MANAGERS)('An app installed by $name', (manager) => {
  let app: GeneratedApp;

  /** Runs the package manager in the app's folder. */
  const managed = (...args: readonly string[]): Promise<string> =>
    app.run(NODE, 'npm', 'exec', '--yes', `--package=${manager.package}`, '--', manager.command, ...args);

  beforeAll(async () => {
    app = await GeneratedApp.generate(manager.kind, tarball.path);
    const registry = (await run('npm', ['config', 'get', 'registry'], app.folder)).trim();
    for (const [name, text] of Object.entries(manager.files?.(registry) ?? {}))
      await writeFile(join(app.folder, name), text);
    await managed(...manager.install);
    await managed('run', 'build');
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => app.remove());

  it('connects two servers', { timeout: TEST_TIMEOUT_MS }, async () => {
    const start = async (): Promise<string> => {
      const options = manager.nodeOptions?.(app.folder) ?? '';
      const server = await app.start(NODE, { NODE_OPTIONS: options, REDIS_URL: redis.url, PORT: '0' });
      farm.onEnd(() => server.kill());
      return quickStart.addressOf(server);
    };
    const [first, second] = await Promise.all([start(), start()]);
    expect(await quickStart.play(first, second)).toEqual(quickStart.expected);
  });

  it('passes its end-to-end test', { timeout: TEST_TIMEOUT_MS }, () => managed('run', 'test:e2e'));
});
