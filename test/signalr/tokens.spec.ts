import { describe, expect, it } from 'vitest';
import { useLog } from '../support/logged.js';
import { authenticate, negotiated, post, startHubApp, upgrade } from '../support/negotiation.js';
import { LATEST, startHub } from '../support/signalr-clients.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const log = useLog();

describe('a token', () => {
  it('opens a connection once', async () => {
    const port = await startHubApp(farm);
    const { connectionToken } = await negotiated(port);
    expect(await upgrade(farm, port, `?id=${connectionToken}`)).toBe(101);
    expect(await upgrade(farm, port, `?id=${connectionToken}`)).toBe(404);
  });

  it('opens a connection to a server that the client did not negotiate with', async () => {
    const options = farm.options();
    const [one, other] = [await startHubApp(farm, options), await startHubApp(farm, options)];
    const { connectionToken } = await negotiated(one);
    expect(await upgrade(farm, other, `?ID=${connectionToken}`)).toBe(101);
  });

  it('that is forged, or cut, or of another app, is refused', async () => {
    const port = await startHubApp(farm);
    const { connectionToken = '' } = await negotiated(port);
    const flipped = (connectionToken.startsWith('A') ? 'B' : 'A') + connectionToken.slice(1);
    const foreign = (await negotiated(await startHubApp(farm, { signalr: { tokenSecret: 'other' } })))
      .connectionToken;
    for (const token of [
      '',
      'x',
      flipped,
      connectionToken.slice(1),
      `${connectionToken}A`,
      foreign,
      '%00',
      '~abc',
    ])
      expect([token, await upgrade(farm, port, `?id=${token}`)]).toEqual([token, 404]);
    expect(await upgrade(farm, port, `?id=${connectionToken}`)).toBe(101);
  });

  it('that has expired is refused', async () => {
    const port = await startHubApp(farm, { signalr: { tokenLifetime: 1 } });
    const { connectionToken } = await negotiated(port);
    await expect.poll(() => upgrade(farm, port, `?id=${connectionToken}`)).toBe(404);
  });

  it('of another user is refused, and admits nobody by itself', async () => {
    const port = await startHubApp(farm, { authenticate });
    const { connectionToken } = await negotiated(port, undefined, {
      headers: { authorization: 'Bearer ada' },
    });
    expect(await upgrade(farm, port, `?id=${connectionToken}`)).toBe(401);
    expect(await upgrade(farm, port, `?id=${connectionToken}`, { authorization: 'Bearer bob' })).toBe(404);
    expect(await upgrade(farm, port, `?id=${connectionToken}&access_token=ada`)).toBe(101);
  });

  it('for authentication is never logged', async () => {
    const port = await startHubApp(farm, {
      authenticate: () => {
        throw new Error('the user service is down');
      },
    });
    expect((await post(port, '?negotiateVersion=1&access_token=s3cret')).status).toBe(503);
    expect(await upgrade(farm, port, '?id=x&access_token=s3cret')).toBe(503);
    expect(String(log.errors)).toContain('authenticate failed');
    expect(String([...log.errors, ...log.warnings])).not.toContain('s3cret');
  });

  it('is not kept, however often clients negotiate', async () => {
    const port = await startHubApp(farm);
    const { connectionToken } = await negotiated(port);
    for (let count = 0; count < 50; count++)
      await Promise.all(Array.from({ length: 20 }, () => negotiated(port)));
    expect(await upgrade(farm, port, `?id=${connectionToken}`)).toBe(101);
  }, 60_000);
});

describe('Microsoft’s client', () => {
  it('connects with a token from a factory, and is its user', async () => {
    const port = await startHubApp(farm, { authenticate });
    const connection = await startHub(farm, LATEST, port, { http: { accessTokenFactory: () => 'a+b%&=' } });
    expect(await connection.invoke('Id')).toEqual({ id: connection.connectionId, userId: 'a+b%&=' });
  });

  it('reports that it was refused', async () => {
    const port = await startHubApp(farm, { authenticate });
    await expect(startHub(farm, LATEST, port)).rejects.toThrow("Unauthorized: Status code '401'");
  });

  it('keeps the query of its URL', async () => {
    const seen: string[] = [];
    const port = await startHubApp(farm, {
      authenticate: ({ url = '' }) => {
        seen.push(url);
        return {};
      },
    });
    await startHub(farm, LATEST, port, { path: '/hub?room=1' });
    expect(seen[0]).toBe('/hub/negotiate?room=1&negotiateVersion=1');
    expect(seen[1]).toMatch(/^\/hub\?room=1&id=/);
  });
});
