import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { PROJECT } from '../support/npm.js';
import { tokenOf } from '../support/scripted-server.js';
import { Demo } from './demo.js';

const demo = Demo.use();

/** Runs a script with `connect` and the gateway's `url` in a page of the server's own origin. */
async function inPage(options: RedisBackplaneOptions, script: string): Promise<unknown> {
  const { port } = await demo.farm.server({ ...demo.farm.options(), ...options });
  const page = await demo.browser.newPage();
  demo.farm.onEnd(() => page.close());
  const code = await readFile(join(PROJECT, 'dist/esm/client/index.js'), 'utf8');
  await page.route('**/client.js', (route) => route.fulfill({ body: code, contentType: 'text/javascript' }));
  // A document of the server itself, if only its 404, so that page and socket have the same origin.
  await page.goto(`http://127.0.0.1:${port}/`);
  return page.evaluate(`(async () => {
    const { connect } = await import('/client.js');
    const url = 'ws://127.0.0.1:${port}/chat';
    ${script}
  })()`);
}

const authenticate: RedisBackplaneOptions['authenticate'] = (request) =>
  tokenOf(request) === 'good/=' ? { userId: 'ada' } : null;

it('in Chromium, a refused client stops by the close code, and one with another token is connected', async () => {
  const script = `
    const refused = connect(url, { token: 'bad', onError() {} });
    const status = await new Promise((resolve) => refused.onStatus((next) => next.state === 'closed' && resolve(next)));
    const tokens = ['bad', 'good/='];
    const client = connect(url, { token: () => tokens.shift(), reconnect: { delay: 1 } });
    const joined = await client.invoke('join', 'tea');
    client.close();
    return [status.error.code, joined];`;
  expect(await inPage({ refusal: 'closeCode', authenticate }, script)).toEqual(['REFUSED', 'tea']);
});

it('in Chromium, a client without a token that is closed by the server comes back', async () => {
  const script = `
    const connections = [];
    const client = connect(url, {
      reconnect: { delay: 1 },
      onConnect: async ({ reconnected }) => connections.push([reconnected, await client.invoke('id')]),
    });
    await client.invoke('id');
    const again = new Promise((resolve) => client.onStatus(({ state }) => state === 'connected' && resolve()));
    // What the server cannot accept, so it closes the connection.
    client.emit('say', 'x'.repeat(2_000_000));
    await again;
    await client.invoke('id');
    client.close();
    return [connections.map(([reconnected]) => reconnected), new Set(connections.map(([, id]) => id)).size];`;
  expect(await inPage({}, script)).toEqual([[false, true], 2]);
});
