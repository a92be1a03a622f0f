import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { WebSocketGateway } from '@nestjs/websockets';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';

// A server whose gateway throws at every second client; on the plain WsAdapter where it is told so.

const plain = process.argv.includes('plain');

@WebSocketGateway({ path: '/chat' })
class ThrowingGateway {
  private clients = 0;

  handleConnection(): void {
    if (++this.clients % 2 === 0) throw new Error('this gateway throws');
  }
}

@Module({
  imports: plain ? [] : [RedisBackplaneModule.forRoot({ connection: 'memory:' })],
  providers: [ThrowingGateway],
})
class ThrowingModule {}

process.on('disconnect', () => process.exit());
if (!process.connected) process.exit();

Logger.overrideLogger(['error']);
const app = await NestFactory.create(ThrowingModule);
if (plain) app.useWebSocketAdapter(new WsAdapter(app));
await app.listen(0, '127.0.0.1');
process.send?.((app.getHttpServer() as { address(): AddressInfo }).address().port);
