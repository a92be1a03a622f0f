import 'reflect-metadata';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WebSocketGateway } from '@nestjs/websockets';
import { Redis } from 'ioredis';
import { type RedisBackplaneOptions, RedisBackplaneModule } from 'nestjs-redis-backplane';
import { endWithParent } from './serve.js';

// An app that fails at startup. It sends the error to its parent and must exit by itself without an explicit close.

endWithParent();
const connection = process.env.FARM_CONNECTION ?? '';
const other = createServer().listen(0);
await once(other, 'listening');
const { port } = other.address() as AddressInfo;

const options: RedisBackplaneOptions =
  connection === 'factory'
    ? { connectionFactory: () => new Redis({ lazyConnect: true }) }
    : { connection, abortConnect: true };

@WebSocketGateway({ path: '/chat' })
class ChatGateway {}

/** A gateway whose port is taken. */
@WebSocketGateway(port, { path: '/chat' })
class PortGateway {}

const gateways: Type[] = connection === 'memory:' ? [ChatGateway, PortGateway] : [ChatGateway];

@Module({ imports: [RedisBackplaneModule.forRoot(options)], providers: gateways })
class FailingModule {}

const app = await NestFactory.create(FailingModule, { logger: false, abortOnError: false });
const error: unknown = await app.init().catch((reason: unknown) => reason);
await new Promise((resolve) => other.close(resolve));
process.send?.(String(error), () => {
  process.removeAllListeners('disconnect');
  process.disconnect();
});
