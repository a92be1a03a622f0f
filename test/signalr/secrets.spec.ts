import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { HubGateway } from '../support/hub.gateway.js';
import { useLog } from '../support/logged.js';
import { authenticate, post, upgrade } from '../support/negotiation.js';
import { RawHubClient } from '../support/raw-hub-client.js';
import { useTestFarm } from '../support/test-farm.js';

const SECRET = 's3cret-of-ada';
const QUERY = `?negotiateVersion=1&access_token=${SECRET}`;

const farm = useTestFarm();
const log = useLog();

/** Everything that was logged, with the stacks and causes of errors. */
function logged(): string {
  return [...log.errors, ...log.warnings]
    .flat()
    .map((part) => (part instanceof Error ? inspect(part) : String(part)))
    .join('\n');
}

async function start(options: RedisBackplaneOptions = {}): Promise<number> {
  const server = await farm.server(
    { ...farm.options(), authenticate, signalr: true, ...options },
    {},
    HubGateway,
  );
  return server.port;
}

describe('the access token of a client is not logged', () => {
  it('when the option redirect fails', async () => {
    const port = await start({
      signalr: {
        redirect: () => {
          throw new Error('the region service is down');
        },
      },
    });
    expect((await post(port, QUERY)).status).toBe(503);
    expect(logged()).toContain('The option signalr.redirect failed');
    expect(logged()).not.toContain(SECRET);
  });

  it('when its origin is refused', async () => {
    const port = await start({ allowedOrigins: ['https://app.example'] });
    const headers = { origin: 'https://evil.example' };
    expect((await post(port, QUERY, { headers })).status).toBe(403);
    expect(await upgrade(farm, port, `?id=x&access_token=${SECRET}`, headers)).toBe(403);
    expect(logged()).toContain('https://evil.example');
    expect(logged()).not.toContain(SECRET);
  });

  it('when its handshake fails', async () => {
    const client = await RawHubClient.connect(farm, await start(), { userId: SECRET });
    client.send({ protocol: 'xml', version: 1 });
    await client.until(({ closeCode }) => closeCode !== undefined);
    expect(client.frames).toEqual([{ error: "The protocol 'xml' is not supported." }]);
    expect(logged()).not.toContain(SECRET);
  });

  it('when a handler fails', async () => {
    const client = await RawHubClient.open(farm, await start(), { userId: SECRET });
    client.send({ type: 1, invocationId: '1', target: 'Crash', arguments: [] });
    await client.completion('1');
    expect(logged()).toContain('secret');
    expect(logged()).not.toContain(SECRET);
  });
});
