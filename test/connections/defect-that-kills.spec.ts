import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { startServerProcess } from '../servers/server-process.js';
import { compiledServer } from '../support/compiled-server.js';
import { useTestFarm } from '../support/test-farm.js';

// Complements defects-of-ws-adapter.spec.ts. This defect crashes the process, so each server runs in its own.

const farm = useTestFarm();

describe.each<[what: string, failure: string]>([
  ['throws', 'throw'],
  ['rejects', 'reject'],
])('a handleConnection that %s', (_what, failure) => {
  /** @param args `plain` for the plain WsAdapter */
  async function startProcess(...args: string[]) {
    const script = compiledServer('throwing-server');
    const server = await startServerProcess(script, { args: [failure, ...args], silent: true });
    farm.onEnd(() => server.child.kill('SIGKILL'));
    let output = '';
    server.child.stderr?.on('data', (text: Buffer) => (output += text.toString()));
    const ended = once(server.child, 'close') as Promise<[code: number | null]>;
    return { ...server, ended, output: () => output };
  }

  it('crashes the process and disconnects all its clients on WsAdapter', async () => {
    const server = await startProcess('plain');
    const innocent = await farm.client(server);

    await farm.client(server).catch(() => undefined);

    expect(await server.ended).toEqual([1, null]);
    expect(server.output()).toContain('this gateway fails');
    expect(await innocent.closed).toMatchObject({ code: 1006 });
  });

  it('closes only that client, with 1011, on our adapter', async () => {
    const server = await startProcess();
    const innocent = await farm.client(server);

    const client = await farm.client(server);

    expect(await client.closed).toMatchObject({ code: 1011 });
    innocent.send('ping');
    await innocent.next('pong');
    expect(server.child.exitCode).toBeNull();
  });
});
