import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { Controller, type INestApplication } from '@nestjs/common';
import { type AbstractHttpAdapter } from '@nestjs/core';
import { ClientTCP, MessagePattern, Transport } from '@nestjs/microservices';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { createServer } from 'node:net';
import { firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ForeignAdapterError, RedisBackplaneAdapter } from '../../lib/index.js';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { ChatGateway } from '../support/chat.gateway.js';
import { join, listen, QUIET, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const chat = () => ({ imports: [RedisBackplaneModule.forRoot(farm.options())], providers: [ChatGateway] });

/** Expects that clients of this app and of another server reach each other. */
async function expectServes(app: INestApplication): Promise<void> {
  const port = await listen(app);
  const [here, there] = [await farm.client({ port }), await farm.client(await farm.server())];
  for (const client of [here, there]) await join(client, 'g');
  here.send('say-to-group', { group: 'g', text: 'from here' });
  await there.next('said');
  there.send('say-to-group', { group: 'g', text: 'from there' });
  await here.next('said');
  expect([here.dataOf('said'), there.dataOf('said')]).toEqual([['from there'], ['from here']]);
}

describe('an app that imports the module', () => {
  it.each<[name: string, make: () => AbstractHttpAdapter]>([
    ['Express', () => new ExpressAdapter()],
    ['Fastify', () => new FastifyAdapter()],
  ])('serves clients on %s without any code in main.ts', async (_name, make) => {
    const app = await farm.app(chat(), make());
    await expectServes(app);
    const response = await fetch(`${await app.getUrl()}/nothing`);
    expect(response.status).toBe(404);
  });

  it('serves clients in a testing module', async () => {
    const module = await Test.createTestingModule(chat()).compile();
    await expectServes(farm.ending(module.createNestApplication(QUIET)));
  });

  it('serves clients if main.ts sets the adapter explicitly', async () => {
    const app = await farm.app(chat());
    app.useWebSocketAdapter(app.get(RedisBackplaneAdapter));
    await expectServes(app);
  });

  it('serves clients if its HTTP server listens after init', async () => {
    const app = await farm.app(chat());
    await app.init();
    await expectServes(app);
  });

  it('fails at startup if another adapter is set, and the error names it', async () => {
    const app = await farm.app(chat());
    app.useWebSocketAdapter(new WsAdapter(app));
    const init = app.init();
    await expect(init).rejects.toThrow(ForeignAdapterError);
    await expect(init).rejects.toThrow(/WsAdapter.*app\.get\(RedisBackplaneAdapter\)/);
  });
});

describe('a hybrid app', () => {
  @Controller()
  class ShippingController {
    constructor(private readonly broadcaster: Broadcaster) {}

    @MessagePattern('ship')
    async ship(order: string): Promise<number> {
      return (await this.broadcaster.gateway(ChatGateway).emit('shipped', order)).local;
    }
  }

  it.each([false, true])(
    'serves clients, and emits from a message handler, with inheritAppConfig: %s',
    async (inheritAppConfig) => {
      const address = { host: '127.0.0.1', port: await freePort() };
      const app = await farm.app({ ...chat(), controllers: [ShippingController] });
      app.connectMicroservice({ transport: Transport.TCP, options: address }, { inheritAppConfig });
      await app.startAllMicroservices();
      await expectServes(app);
      const client = await farm.client({ port: Number(new URL(await app.getUrl()).port) });
      const caller = new ClientTCP(address);
      farm.onEnd(() => caller.close());
      const order = randomUUID();

      expect(await firstValueFrom(caller.send<number>('ship', order))).toBe(2);

      expect((await client.next('shipped')).data).toBe(order);
    },
  );
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
