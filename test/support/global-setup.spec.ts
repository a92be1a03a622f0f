import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from './program.js';

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one small spec in a Vitest of its own, with a configured redis-server that does not exist. */
function runWithoutRedis(env: NodeJS.ProcessEnv): Promise<Run> {
  const root = projectRoot();
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const args = ['run', '--config', 'test/vitest.config.ts', 'test/protocol/hash-slot.spec.ts'];
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|NODE_OPTIONS|REDIS_)/.test(name),
  );
  const clean = { ...Object.fromEntries(inherited), REDIS_SERVER_BIN: '/no/such/redis-server', ...env };
  return new Promise((resolve) => {
    execFile(process.execPath, [vitest, ...args], { cwd: root, env: clean }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

describe('a run of the tests on a machine without redis-server', () => {
  it('ends with one line that says what is missing and what to do, and runs no test', async () => {
    const { code, stdout, stderr } = await runWithoutRedis({});

    expect(code).toBe(1);
    expect(stderr.trim()).toMatch(
      /^The tests cannot run\. REDIS_SERVER_BIN is .* Install the package redis-server.*$/,
    );
    expect(stdout).not.toContain('hash-slot.spec.ts');
  });

  it('goes on if REDIS_URL is set, with a warning', async () => {
    const { code, stdout, stderr } = await runWithoutRedis({ REDIS_URL: 'redis://127.0.0.1:6379' });

    expect(code).toBe(0);
    expect(stderr.trim()).toMatch(
      /^Only tests that need no Redis of their own can pass with REDIS_URL\. .*$/,
    );
    expect(stdout).toContain('hash-slot.spec.ts');
  });
});
