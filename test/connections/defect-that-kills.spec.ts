import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { useTestFarm } from '../support/test-farm.js';

// Beside defects-of-ws-adapter.spec.ts: the defect that only processes of their own can show.

const farm = useTestFarm();

describe('a handleConnection that throws', () => {
  const SCRIPT = fileURLToPath(new URL('../../.build/test/servers/throwing-server.js', import.meta.url));

  /** @param args `plain` for the plain WsAdapter */
  async function startProcess(...args: string[]) {
    if (!existsSync(SCRIPT)) throw new Error('The servers are not compiled: npm run build:sample');
    const child = fork(SCRIPT, args, {
      silent: true,
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    farm.onEnd(() => child.kill('SIGKILL'));
    let output = '';
    child.stderr?.on('data', (text: Buffer) => (output += text.toString()));
    const exited = once(child, 'close') as Promise<[code: number | null]>;
    const [port] = (await Promise.race([once(child, 'message'), exited])) as [number];
    return { port, child, exited, output: () => output };
  }

  it('ends the process, with all its clients, on WsAdapter', async () => {
    const server = await startProcess('plain');
    const innocent = await farm.client(server);

    await farm.client(server).catch(() => undefined);

    expect(await server.exited).toEqual([1, null]);
    expect(server.output()).toContain('this gateway throws');
    expect(await innocent.closed).toMatchObject({ code: 1006 });
  });

  it('closes that client with 1011 on ours', async () => {
    const server = await startProcess();
    const innocent = await farm.client(server);

    const client = await farm.client(server);

    expect(await client.closed).toMatchObject({ code: 1011 });
    innocent.send('ping');
    await innocent.next('pong');
    expect(server.child.exitCode).toBeNull();
  });
});
