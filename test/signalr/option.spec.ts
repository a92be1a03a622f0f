import type { INestApplication } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { InvalidOptionsError } from '../../lib/options/invalid-options.error.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { portOfNobody } from '../support/free-ports.js';
import { HubGateway } from '../support/hub.gateway.js';
import { useLog } from '../support/logged.js';
import { authenticate, post, startHubApp } from '../support/negotiation.js';
import { LATEST, startHub } from '../support/signalr-clients.js';
import { listen, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const log = useLog();

describe('the option signalr', () => {
  @WebSocketGateway(0, { path: '/other' })
  class OtherGateway {}

  const app = (signalr: RedisBackplaneOptions['signalr']): Promise<INestApplication> =>
    farm.app({
      imports: [
        RedisBackplaneModule.forRoot({ ...farm.options(), ...(signalr !== undefined && { signalr }) }),
      ],
      providers: [HubGateway, OtherGateway],
    });

  it('is off by default, and then nothing answers a negotiation', async () => {
    const port = await listen(await app(undefined));
    expect((await post(port)).status).toBe(404);
  });

  it('may name paths; the others serve plain clients only', async () => {
    const port = await listen(await app({ paths: ['/hub/'] }));
    expect((await post(port)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${port}/other/negotiate`, { method: 'POST' })).status).toBe(404);
  });

  it('must not name a path that no gateway serves', async () => {
    await expect(listen(await app({ paths: ['/hub', '/hubs'] }))).rejects.toThrow(
      new InvalidOptionsError(['signalr.paths: no gateway serves /hubs']),
    );
  });

  it.each([
    [{ paths: [] }, 'signalr.paths'],
    [{ keepAliveInterval: 0 }, 'signalr.keepAliveInterval'],
    [{ pathes: ['/hub'] }, 'signalr'],
    ['yes', 'signalr'],
  ])('must not be %j', async (signalr, named) => {
    await expect(app(signalr as never)).rejects.toThrow(named);
  });

  it('serves a gateway with a port of its own', async () => {
    const ownPort = await portOfNobody();
    @WebSocketGateway(ownPort, { path: '/hub' })
    class OwnPortGateway extends HubGateway {}
    const own = await farm.app({
      imports: [RedisBackplaneModule.forRoot({ ...farm.options(), signalr: true })],
      providers: [OwnPortGateway],
    });
    await listen(own);
    const connection = await startHub(farm, LATEST, ownPort);
    expect(await connection.invoke('Echo', 1)).toBe(1);
    expect((await fetch(`http://127.0.0.1:${ownPort}/hub`)).status).toBe(426);
  });

  it('may send clients to another server, with a token for it', async () => {
    const there = await startHubApp(farm, { authenticate });
    const url = `http://127.0.0.1:${there}/hub`;
    const here = await startHubApp(farm, { signalr: { redirect: () => ({ url, accessToken: 'ada' }) } });
    const connection = await startHub(farm, LATEST, here);
    expect(await connection.invoke('Id')).toMatchObject({ userId: 'ada' });
  });

  it('refuses clients if the redirection fails', async () => {
    const port = await startHubApp(farm, {
      signalr: {
        redirect: () => {
          throw new Error('no region');
        },
      },
    });
    expect((await post(port)).status).toBe(503);
    expect(String(log.errors)).toContain('signalr.redirect failed');
  });
});
