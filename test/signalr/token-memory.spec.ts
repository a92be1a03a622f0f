import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it, vi } from 'vitest';
import type { ServedPath } from '../../lib/adapter/dialect-provider.js';
import { TimeLimits } from '../../lib/adapter/time-limits.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { ConnectionTokens, type ReadToken } from '../../lib/signalr/connection-tokens.js';
import { answerNegotiation } from '../../lib/signalr/negotiate-response.js';
import { SignalRClients } from '../../lib/signalr/signalr-clients.js';
import { heapUsed } from '../support/heap.js';
import { startHubApp, upgrade } from '../support/negotiation.js';
import { listen, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const LIFETIME_MS = 60_000;
const NEGOTIATIONS = 30_000;
/** The largest expiry time that a token can hold. */
const LATEST_EXPIRY = 2 ** 47;

/** The path of a hub, as the adapter serves it. */
async function servedPath(): Promise<ServedPath> {
  const serve = vi.spyOn(SignalRClients.prototype, 'serve');
  farm.onEnd(() => serve.mockRestore());
  await startHubApp(farm, { authenticate: () => ({ userId: 'ada' }) });
  const [path] = serve.mock.calls[0] ?? [];
  if (!path) throw new Error('The hub is not served.');
  return path;
}

describe('a client that only negotiates', () => {
  it(`takes no memory, even ${NEGOTIATIONS} times`, async () => {
    const path = await servedPath();
    const options = {
      tokens: new ConnectionTokens('secret', LIFETIME_MS, Date.now),
      limits: new TimeLimits(),
      hasStatefulReconnect: true,
      redirect: undefined,
    };
    const socket = new Socket();
    const negotiate = async (): Promise<void> => {
      const request = new IncomingMessage(socket);
      request.method = 'POST';
      request.url = '/hub/negotiate?negotiateVersion=1';
      const { status } = await answerNegotiation(path, request, options);
      if (status !== 200) throw new Error(`The negotiation failed with ${status}.`);
    };
    for (let count = 0; count < 2000; count++) await negotiate();
    const before = await heapUsed();
    for (let count = 0; count < NEGOTIATIONS; count++) await negotiate();
    // A third of what a leak of 100 bytes for each would take.
    expect((await heapUsed()) - before).toBeLessThan(1024 * 1024);
  }, 60_000);
});

describe('a token', () => {
  function read(tokens: ConnectionTokens, token: string): ReadToken {
    const content = tokens.read(token, '/hub', undefined);
    if (!content) throw new Error('The token is not valid.');
    return content;
  }

  it('that is forged to expire in thousands of years is remembered no longer than any other', () => {
    let now = Date.now();
    const tokens = new ConnectionTokens('known', LIFETIME_MS, () => now);
    const forger = new ConnectionTokens('known', LATEST_EXPIRY - now, () => now);
    const forged = read(tokens, forger.create('/hub', undefined).token);
    expect(forged.expiresAt).toBe(LATEST_EXPIRY);
    expect(tokens.use(forged)).toBe(true);
    now += LIFETIME_MS - 1;
    expect(tokens.use(forged)).toBe(false);
    // The server has forgotten it, so it seems to be new.
    now += 1;
    expect(tokens.use(forged)).toBe(true);
  });

  it('is refused from the millisecond in which it expires', () => {
    let now = Date.now();
    const tokens = new ConnectionTokens('secret', LIFETIME_MS, () => now);
    const [one, other] = [tokens.create('/hub', 'ada'), tokens.create('/hub', 'ada')];
    const use = (token: string): boolean => {
      const content = tokens.read(token, '/hub', 'ada');
      return content !== undefined && tokens.use(content);
    };
    now += LIFETIME_MS - 1;
    expect(use(one.token)).toBe(true);
    now += 1;
    expect(use(other.token)).toBe(false);
  });

  it('is refused on another path of the app', async () => {
    @WebSocketGateway({ path: '/hub' })
    class Hub {}
    @WebSocketGateway({ path: '/other' })
    class OtherHub {}
    const app = await farm.app({
      imports: [RedisBackplaneModule.forRoot({ ...farm.options(), signalr: true })],
      providers: [Hub, OtherHub],
    });
    const port = await listen(app);
    const response = await fetch(`http://127.0.0.1:${port}/other/negotiate?negotiateVersion=1`, {
      method: 'POST',
    });
    const { connectionToken } = (await response.json()) as { connectionToken: string };
    expect(await upgrade(farm, port, `?id=${connectionToken}`)).toBe(404);
  });
});
