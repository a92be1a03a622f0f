import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { BackplaneConnection, Broadcaster, RedisBackplaneModule } from 'nestjs-redis-backplane';

// A server of a farm, for startFarmProcess. Its clients say with `?user=` who they are.

@WebSocketGateway({ path: '/farm' })
class AcceptanceGateway {
  @WebSocketServer() private readonly server!: Broadcaster;

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown): unknown {
    return data;
  }

  @SubscribeMessage('who')
  who(@ConnectedSocket() { id }: BackplaneConnection) {
    return { id, pid: process.pid };
  }

  @SubscribeMessage('join')
  join(@ConnectedSocket() client: BackplaneConnection, @MessageBody() group: string) {
    return client.join(group);
  }

  @SubscribeMessage('tell-all')
  tellAll(@MessageBody() data: unknown) {
    return this.server.emit('told', data);
  }

  @SubscribeMessage('tell-group')
  tellGroup(@MessageBody() { group, data }: { group: string; data: unknown }) {
    return this.server.group(group).emit('told', data);
  }

  @SubscribeMessage('tell-user')
  tellUser(@MessageBody() { user, data }: { user: string; data: unknown }) {
    return this.server.user(user).emit('told', data);
  }
}

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      connection: process.env.FARM_CONNECTION ?? '',
      channelPrefix: process.env.FARM_PREFIX ?? '',
      protocols: ['json', 'msgpack'],
      authenticate: ({ url = '/' }) => {
        const userId = new URL(url, 'ws://server').searchParams.get('user');
        return userId === null ? {} : { userId };
      },
    }),
  ],
  providers: [AcceptanceGateway],
})
class AcceptanceModule {}

// A server does not outlive whoever started it, however that one ends.
const end = (): never => process.exit();
process.on('disconnect', end);
if (!process.connected) end();

Logger.overrideLogger(['error']);
const app = await NestFactory.create(AcceptanceModule);
await app.listen(0, '127.0.0.1');
process.send?.((app.getHttpServer() as { address(): AddressInfo }).address().port);

process.once('message', () => {
  void app.close().then(() => {
    // From here on nothing may keep the process: it ends by itself or the test sees that it does not.
    process.off('disconnect', end);
    process.disconnect();
  });
});
