import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { PROJECT } from '../support/npm.js';
import { ScriptedServer } from '../support/scripted-server.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const execute = promisify(execFile);

/** Uses the package as it was built, and has a timer of an hour at every time. */
const PROGRAM = `
import { connect } from 'nestjs-redis-backplane/client';
import { WebSocket } from 'ws';
const [url, state] = process.argv.slice(1);
const HOUR_MS = 3_600_000;
const options = { WebSocket, reconnect: { delay: HOUR_MS * 1000, maxDelay: HOUR_MS }, heartbeat: { timeout: HOUR_MS } };
const client = connect(url, options);
client.invoke('ask', undefined, { timeout: HOUR_MS }).catch(({ code }) => console.log(code));
if (client.status.state === state) client.close();
client.onStatus((status) => {
  if (status.state === state) client.close();
});
`;

async function outputOf(url: string, state: string): Promise<string> {
  const args = ['--input-type=module', '--eval', PROGRAM, url, state];
  const { stdout } = await execute(process.execPath, args, { cwd: PROJECT, timeout: 15_000 });
  return stdout.trim();
}

describe('a Node process', () => {
  it.each(['connecting', 'connected', 'disconnected'])(
    'ends by itself when a client that is %s closes',
    async (state) => {
      const server = await ScriptedServer.start(farm, (connection) => {
        connection.answerPings();
        if (state === 'disconnected') connection.socket.close(1011);
      });
      expect(await outputOf(server.url, state)).toBe('NOT_SENT');
    },
  );

  it('lives as long as its client is open, also between two attempts', async () => {
    const server = await ScriptedServer.start(farm, ({ socket }) => socket.close(1011));
    const args = ['--input-type=module', '--eval', PROGRAM, server.url, 'never'];
    const child = execute(process.execPath, args, { cwd: PROJECT, timeout: 15_000 });
    const ended = child.then(
      () => 'by itself',
      () => 'by the signal',
    );
    await (
      await server.connection()
    ).closed;
    child.child.kill();
    expect(await ended).toBe('by the signal');
  });
});
