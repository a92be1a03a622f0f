import { NestFactory } from '@nestjs/core';
import { Controller, Injectable, type INestMicroservice, type ModuleMetadata } from '@nestjs/common';
import { type TcpOptions, Transport } from '@nestjs/microservices';
import { WebSocketGateway } from '@nestjs/websockets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NoHttpServerError } from '../../lib/adapter/adapter.errors.js';
import { PathRequiredError } from '../../lib/broadcast/broadcast.errors.js';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { RedisBackplane } from '../../lib/broadcast/redis-backplane.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { ChatGateway } from '../support/chat.gateway.js';
import { acquireRedis, type AcquiredRedis } from '../support/redis-server.js';
import { idOf, join, QUIET, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
let redis: AcquiredRedis;

beforeAll(async () => {
  redis = await acquireRedis();
});
afterAll(() => redis.stop());

const registration = (connection?: string) => ({
  imports: [RedisBackplaneModule.forRoot(farm.options(connection))],
});

describe('a worker that was created with createApplicationContext', () => {
  it.each<[name: string, connection: () => string | undefined]>([
    ['memory', () => undefined],
    ['Redis', () => redis.url],
  ])('emits to the clients of servers through %s', async (_name, connection) => {
    const server = await farm.server(farm.options(connection()));
    const client = await farm.client(server);
    await join(client, 'g');
    const worker = await farm.context(registration(connection()));
    expect(worker.get(RedisBackplane).status).toEqual({ state: 'ready' });
    const broadcaster = worker.get<Broadcaster>(Broadcaster);

    expect(await broadcaster.gateway(ChatGateway).emit('hi', 1)).toEqual({ local: 0, backplane: 'accepted' });
    await broadcaster.gateway('/chat').group('g').emit('hi', 2);
    await broadcaster
      .gateway('/chat')
      .connection(await idOf(client))
      .emit('hi', 3);

    await client.count('hi', 3);
    expect(client.dataOf('hi')).toEqual([1, 2, 3]);
  });

  it('may provide a gateway class, but serves no clients', async () => {
    const client = await farm.client(await farm.server());
    const worker = await farm.context({ ...registration(), providers: [ChatGateway] });
    await worker.get<Broadcaster>(Broadcaster).gateway(ChatGateway).emit('hi');
    await client.next('hi');
  });

  it('must name the path of an emit', async () => {
    const broadcaster = (await farm.context(registration())).get<Broadcaster>(Broadcaster);
    await expect(broadcaster.emit('hi')).rejects.toThrow(PathRequiredError);
    await expect(broadcaster.group('g').emit('hi')).rejects.toThrow(/no gateway.*\.gateway\(/);
    expect(() => broadcaster.localConnections).toThrow(PathRequiredError);
  });

  it('closes its connections to Redis when it closes', async () => {
    const worker = await farm.context(registration(redis.url));
    await worker.close();
    expect(worker.get(RedisBackplane).status).toEqual({ state: 'closed' });
  });
});

describe('a microservice without HTTP', () => {
  async function microservice(metadata: ModuleMetadata): Promise<INestMicroservice> {
    @Controller()
    class Root {}
    const tcp: TcpOptions = { transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } };
    return farm.ending(
      await NestFactory.createMicroservice({ module: Root, ...metadata }, Object.assign(tcp, QUIET)),
    );
  }

  it('can emit if it has no gateway', async () => {
    const client = await farm.client(await farm.server());
    const app = await microservice(registration());
    await app.listen();
    await app.get<Broadcaster>(Broadcaster).gateway('/chat').emit('hi');
    await client.next('hi');
  });

  it('fails at startup if it has a gateway, with an error that says why', async () => {
    const app = await microservice({ ...registration(), providers: [ChatGateway] });
    const listening = app.listen();
    await expect(listening).rejects.toThrow(NoHttpServerError);
    await expect(listening).rejects.toThrow(/createMicroservice.*connectMicroservice/);
  });
});

it('a class that is not a gateway has no broadcaster', async () => {
  @Injectable()
  class NoGateway {}
  @WebSocketGateway()
  class RootGateway {}
  const broadcaster = (await farm.context(registration())).get<Broadcaster>(Broadcaster);
  expect(() => broadcaster.gateway(NoGateway)).toThrow(/NoGateway is not a gateway/);
  await expect(broadcaster.gateway(RootGateway).emit('hi')).resolves.toBeDefined();
});
