import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeBlocks } from '../docs/markdown.js';
import { QuickStart } from '../docs/quick-start.js';
import { useRedis } from '../support/acceptance.js';
import { type GuardedProcess, startGuarded } from '../support/process-guard.js';
import { useTestFarm } from '../support/test-farm.js';
import { type AppKind, GeneratedApp } from './generated-app.js';
import { useTarball } from './tarball.js';

const INSTALL_TIMEOUT_MS = 300_000;
const TEST_TIMEOUT_MS = 180_000;
const NODE = '24.9.0';

const farm = useTestFarm();
const redis = useRedis({ own: true });
const tarball = useTarball();
const quickStart = new QuickStart();

/** Starts two servers, and lets the README's clients talk through them. */
async function talk(start: (env: NodeJS.ProcessEnv) => Promise<GuardedProcess>): Promise<string[]> {
  const address = async (): Promise<string> => {
    const server = await start({ ...process.env, NODE_OPTIONS: '', REDIS_URL: redis.url, PORT: '0' });
    farm.onEnd(() => server.kill());
    return quickStart.addressOf(server);
  };
  const [first, second] = await Promise.all([address(), address()]);
  return quickStart.play(first, second);
}

function useApp(kind: AppKind, ...packages: readonly string[]): { readonly app: GeneratedApp } {
  let app: GeneratedApp;
  beforeAll(async () => {
    app = await GeneratedApp.generate(kind, tarball.path);
    await app.npmInstall(...packages);
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => app.remove());
  return {
    get app() {
      return app;
    },
  };
}

describe('An app of Nest 12', () => {
  const made = useApp(
    { nest: 12, modules: 'esm', pinned: {} },
    '@swc/cli@0.8',
    '@swc/core@1',
    'esbuild@0.28',
    'bun@1.4.5',
    '@oven/bun-linux-x64@1.4.5',
  );
  const nodeRuns = (entry: string) => (env: NodeJS.ProcessEnv) => made.app.start(NODE, env, entry);

  it('runs when swc has built it', { timeout: TEST_TIMEOUT_MS }, async () => {
    await made.app.run(NODE, 'nest', 'build', '--builder', 'swc');
    expect(await talk(nodeRuns('dist/main.js'))).toEqual(quickStart.expected);
  });

  it('runs when esbuild has put all of it into one file', { timeout: TEST_TIMEOUT_MS }, async () => {
    await made.app.build();
    const [script] = codeBlocks('sample/versions/README.md').filter(({ language }) => language === 'js');
    await made.app.write('bundle.mjs', script?.code ?? '');
    await made.app.run(NODE, 'node', 'bundle.mjs');
    expect(await talk(nodeRuns('bundle/main.mjs'))).toEqual(quickStart.expected);
  });

  it.each(['dist/main.js', 'src/main.ts'])('runs on Bun: %s', { timeout: TEST_TIMEOUT_MS }, async (entry) => {
    await made.app.build();
    const bun = join(made.app.folder, 'node_modules/@oven/bun-linux-x64/bin/bun');
    const start = (env: NodeJS.ProcessEnv): Promise<GuardedProcess> =>
      startGuarded({ command: bun, args: ['--cwd', made.app.folder, entry], env });
    expect(await talk(start)).toEqual(quickStart.expected);
  });
});

describe('An app of Nest 11', () => {
  const made = useApp({ nest: 11, modules: 'cjs', pinned: {} });

  it('runs when webpack has built it', { timeout: TEST_TIMEOUT_MS }, async () => {
    await made.app.run(NODE, 'nest', 'build', '--webpack');
    expect(await talk((env) => made.app.start(NODE, env))).toEqual(quickStart.expected);
  });

  it('runs in a monorepo', { timeout: TEST_TIMEOUT_MS }, async () => {
    await made.app.run(NODE, 'nest', 'generate', 'app', 'admin');
    await made.app.run(NODE, 'nest', 'build', 'app');
    expect(await talk((env) => made.app.start(NODE, env, 'dist/apps/app/main.js'))).toEqual(
      quickStart.expected,
    );
  });
});
