import { Module } from '@nestjs/common';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';
import { LobbyGateway } from './lobby.gateway.js';
import { PageController } from './page.controller.js';

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      connection: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
      channelPrefix: 'signalr',
      protocols: ['json', 'msgpack'],
      signalr: true,
      // A client that reconnects while Redis is down can join its group.
      outage: 'local',
    }),
  ],
  controllers: [PageController],
  providers: [LobbyGateway],
})
export class AppModule {}
