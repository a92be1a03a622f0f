import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useRedis } from '../../support/acceptance.js';
import { nodeBinary, PROJECT, run } from '../../support/npm.js';
import type { GuardedProcess } from '../../support/process-guard.js';
import { useTestFarm } from '../../support/test-farm.js';
import { WsClient } from '../../support/ws-client.js';
import { FreshApp, type ModuleSystem, pack } from './fresh-app.js';

const INSTALL_TIMEOUT_MS = 120_000;
const TEST_TIMEOUT_MS = 60_000;
/** These tests run on the oldest supported release. The others come from npm. */
const NODES = [process.versions.node, '22.23.3', '24.9.0'];

const farm = useTestFarm();
const redis = useRedis();
let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'package-'));
  tarball = await pack(folder);
}, INSTALL_TIMEOUT_MS);
afterAll(() => rm(folder, { recursive: true, force: true }));

const LISTENING = /^Node v(\S+) at http:\/\/(\S+)$/m;

/** Resolves once the output has a matching line. */
function written(instance: GuardedProcess, line: RegExp): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (line.test(instance.output())) resolve();
    };
    instance.onOutput(check);
    check();
  });
}

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
    expect(inside.filter((path) => /spec|test|tsbuildinfo/.test(path))).toEqual([]);
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

  /** Starts an instance and connects a client to it. */
  async function connect(version: string, node: string, env: NodeJS.ProcessEnv): Promise<WsClient> {
    const instance = await app.start(node, env);
    farm.onEnd(() => instance.kill());
    await Promise.race([written(instance, LISTENING), instance.exited]);
    const [, running, address = ''] = LISTENING.exec(instance.output()) ?? [];
    expect(running, instance.output()).toBe(version);
    const client = await WsClient.open(`ws://${address}/chat`);
    farm.onEnd(() => client.socket.terminate());
    return client;
  }

  it.each(NODES)(
    'on Node %s starts two instances, and a client of one receives a message of the other',
    async (version) => {
      const node = version === process.versions.node ? process.execPath : await nodeBinary(version);
      const env = { ...process.env, NODE_OPTIONS: '', CONNECTION: redis.url, PREFIX: randomUUID() };
      const [near, far] = await Promise.all([connect(version, node, env), connect(version, node, env)]);

      far.send('join', 'room');
      await far.next('joined');
      near.send('say', { group: 'room', text: 'hello' });

      expect((await far.next('said')).data).toEqual({ text: 'hello' });
      expect(near.received).toEqual([]);
    },
    INSTALL_TIMEOUT_MS,
  );
});
