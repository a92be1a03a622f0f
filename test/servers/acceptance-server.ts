import { Module } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { BackplaneConnection, Broadcaster, RedisBackplaneModule } from 'nestjs-redis-backplane';
import { closeWhenTold, serve } from './serve.js';

// A server process, started with startFarmProcess. Clients set their user id with `?user=`.

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

  @SubscribeMessage('count')
  count(@MessageBody() group: string) {
    return this.server.group(group).count();
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

closeWhenTold(await serve(AcceptanceModule));
