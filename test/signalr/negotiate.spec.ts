import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import type { INestApplication } from '@nestjs/common';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { useLog } from '../support/logged.js';
import { authenticate, negotiated, post, startHubApp } from '../support/negotiation.js';
import { LATEST, startHub } from '../support/signalr-clients.js';
import { listen, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const log = useLog();
const TRANSPORTS = [{ transport: 'WebSockets', transferFormats: ['Text', 'Binary'] }];

describe.each(['Express', 'Fastify'])('with %s, a client negotiates', (name) => {
  const start = (
    options: RedisBackplaneOptions = {},
    prepare?: (app: INestApplication) => void,
  ): Promise<number> =>
    startHubApp(farm, options, name === 'Express' ? new ExpressAdapter() : new FastifyAdapter(), prepare);

  it('with version 1: an id for everyone, and a secret token', async () => {
    const answer = await negotiated(await start());
    expect(answer).toEqual({
      negotiateVersion: 1,
      connectionId: expect.stringMatching(/^~[\w-]{22}$/) as string,
      connectionToken: expect.stringMatching(/^[\w-]{51}$/) as string,
      availableTransports: TRANSPORTS,
    });
  });

  it.each([
    ['', 0],
    ['?negotiateVersion=0', 0],
    ['?NegotiateVersion=1', 1],
    ['?room=1&negotiateVersion=7', 1],
  ])('with the query "%s": version %i', async (query, version) => {
    const answer = await negotiated(await start(), query);
    expect(answer.negotiateVersion).toBe(version);
    expect(answer.connectionToken !== undefined).toBe(version === 1);
  });

  it.each([
    ['?negotiateVersion=abc', 'The client requested a non-integer protocol version.'],
    ['?negotiateVersion=1.5', 'The client requested a non-integer protocol version.'],
    [
      '?negotiateVersion=-1',
      "The client requested version '-1', but the server does not support this version.",
    ],
  ])('with the query "%s", which is refused', async (query, error) => {
    expect(await negotiated(await start(), query)).toEqual({ error });
  });

  it.each([
    '/c++',
    '/chat(room)',
    '/a:b',
    '/what!',
    '/a%20b',
    '/caf%C3%A9',
    '/50%25',
    '/%252F',
    '/a%2Fb',
    '/%3A:c',
    '/*',
    '/a**b*(c)/*',
  ])('for a gateway at %s', async (path) => {
    @WebSocketGateway({ path })
    class OddGateway {}
    const app = await farm.app(
      {
        imports: [RedisBackplaneModule.forRoot({ ...farm.options(), signalr: true })],
        providers: [OddGateway],
      },
      name === 'Express' ? new ExpressAdapter() : new FastifyAdapter(),
    );
    const port = await listen(app);
    expect((await fetch(`http://127.0.0.1:${port}${path}/negotiate`, { method: 'POST' })).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${port}/cc/negotiate`, { method: 'POST' })).status).toBe(404);
  });

  it('only by POST', async () => {
    const port = await start();
    for (const method of ['GET', 'PUT', 'DELETE'])
      expect((await post(port, '', { method })).status).toBe(405);
  });

  it('and is refused with an empty body, so that its user sees the status', async () => {
    const port = await start({ authenticate });
    for (const [token, status] of [
      ['', 401],
      ['banned', 403],
    ] as const) {
      const response = await post(port, undefined, { headers: { authorization: `Bearer ${token}` } });
      expect([response.status, await response.text()]).toEqual([status, '']);
    }
    const { connectionId } = await negotiated(port, '?access_token=a%2Bb%25&negotiateVersion=1');
    expect(connectionId).toMatch(/^~/);
  });

  it('from another origin: with its exact origin, and credentials', async () => {
    const port = await start({ allowedOrigins: ['https://app.example'] });
    const origin = 'https://app.example';
    const preflight = await post(port, undefined, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'x-signalr-user-agent,x-own',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
    expect(preflight.headers.get('access-control-allow-credentials')).toBe('true');
    expect(preflight.headers.get('access-control-allow-methods')).toBe('POST');
    expect(preflight.headers.get('access-control-allow-headers')).toBe('x-signalr-user-agent,x-own');
    const response = await post(port, undefined, { headers: { origin } });
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, origin]);
    expect(response.headers.get('vary')).toContain('Origin');

    const refused = await post(port, undefined, { headers: { origin: 'https://evil.example' } });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([403, null]);
  });

  it('from another host with a token, which is refused, and the log says what to do', async () => {
    const port = await start();
    const headers = { origin: 'https://other.example', authorization: 'Bearer x' };
    expect((await post(port, undefined, { headers })).status).toBe(403);
    expect(String(log.warnings)).toContain('allowedOrigins');
  });

  it('from another origin that the app itself allows', async () => {
    const port = await start({}, (app) =>
      app.enableCors({ origin: 'https://app.example', credentials: true }),
    );
    const origin = 'https://app.example';
    const preflight = await post(port, undefined, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
    const response = await post(port, undefined, { headers: { origin } });
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, origin]);
  });

  it('beside a global prefix and the routes of the app', async () => {
    const port = await start({}, (app) => app.setGlobalPrefix('api'));
    expect(await negotiated(port)).toMatchObject({ negotiateVersion: 1 });
    expect((await fetch(`http://127.0.0.1:${port}/nowhere`)).status).toBe(404);
    const connection = await startHub(farm, LATEST, port);
    expect(await connection.invoke('Echo', 1)).toBe(1);
  });
});
