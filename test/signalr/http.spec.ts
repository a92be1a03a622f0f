import type { INestApplication } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { describe, expect, it } from 'vitest';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { DrainDelay } from '../support/drain-delay.js';
import { HubGateway } from '../support/hub.gateway.js';
import { post, startHubApp } from '../support/negotiation.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const ALLOWED = 'https://app.example';
const PREFLIGHT = { origin: ALLOWED, 'access-control-request-method': 'POST' };

describe.each(['Express', 'Fastify'])('the negotiation with %s', (name) => {
  const start = (
    options: RedisBackplaneOptions = {},
    prepare?: (app: INestApplication) => void,
  ): Promise<number> =>
    startHubApp(farm, options, name === 'Express' ? new ExpressAdapter() : new FastifyAdapter(), prepare);

  it('allows the headers that SignalR clients send if a preflight names none', async () => {
    const port = await start({ allowedOrigins: [ALLOWED] });
    const { status, headers } = await post(port, undefined, { method: 'OPTIONS', headers: PREFLIGHT });
    expect([status, headers.get('access-control-allow-headers')]).toEqual([
      204,
      'authorization, x-requested-with, x-signalr-user-agent',
    ]);
  });

  it('must not be cached, because its token works only once', async () => {
    const port = await start();
    expect((await post(port)).headers.get('cache-control')).toBe('no-store');
  });

  it('keeps the CORS headers of the app, although they allow something else', async () => {
    const port = await start({ allowedOrigins: [ALLOWED] }, (app) =>
      app.enableCors({ origin: 'https://of-the-app.example' }),
    );
    const { headers } = await post(port, undefined, { headers: { origin: ALLOWED } });
    expect(headers.get('access-control-allow-origin')).toBe('https://of-the-app.example');
    expect(headers.get('access-control-allow-credentials')).toBe('true');
  });
});

it('a server that drains refuses to negotiate with 503, so that a load balancer tries another one', async () => {
  const server = await farm.server(
    { ...farm.options(), signalr: true },
    { providers: [DrainDelay] },
    HubGateway,
  );
  const delay = server.app.get(DrainDelay);
  farm.onEnd(() => delay.over.resolve());
  expect((await post(server.port)).status).toBe(200);
  const closed = server.app.close();
  await delay.begun.promise;
  const response = await post(server.port);
  expect([response.status, await response.text()]).toEqual([503, '']);
  delay.over.resolve();
  await closed;
});
