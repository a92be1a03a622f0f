import type { AddressInfo } from 'node:net';
import type { INestApplication, ModuleMetadata, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { RedisBackplane } from '../../lib/broadcast/redis-backplane.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { ChatGateway } from './chat.gateway.js';
import { WsClient } from './ws-client.js';

export interface ChatServer {
  readonly app: INestApplication;
  readonly gateway: ChatGateway;
  readonly broadcaster: Broadcaster;
  readonly backplane: RedisBackplane;
  readonly port: number;
  connect(path?: string): Promise<WsClient>;
}

/** Starts a server: a Nest app with a gateway, listening on loopback. */
export async function startChatServer(
  options: RedisBackplaneOptions,
  metadata: ModuleMetadata = {},
  gateway: Type = ChatGateway,
): Promise<ChatServer> {
  const module = await Test.createTestingModule({
    ...metadata,
    imports: [RedisBackplaneModule.forRoot(options), ...(metadata.imports ?? [])],
    providers: [gateway, ...(metadata.providers ?? [])],
  }).compile();
  const app = module.createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  return {
    app,
    gateway: app.get<ChatGateway>(gateway),
    broadcaster: app.get(Broadcaster),
    backplane: app.get(RedisBackplane),
    port,
    connect: (path = '/chat') => WsClient.open(`ws://127.0.0.1:${port}${path}`),
  };
}
