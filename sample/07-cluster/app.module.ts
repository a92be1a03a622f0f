import { Module } from '@nestjs/common';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';
import { NewsGateway } from './news.gateway.js';

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      // One node or more, through which the others are found.
      connection: process.env.REDIS_URL ?? 'redis+cluster://127.0.0.1:7000,127.0.0.1:7001,127.0.0.1:7002',
      channelPrefix: 'news',
    }),
  ],
  providers: [NewsGateway],
})
export class AppModule {}
