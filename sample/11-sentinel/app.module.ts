import { Module } from '@nestjs/common';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';
import { NewsGateway } from '../07-cluster/news.gateway.js';

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      // List all sentinels; they name the primary.
      connection: process.env.REDIS_URL ?? 'redis+sentinel://127.0.0.1:26379/mymaster',
      channelPrefix: 'news',
    }),
  ],
  providers: [NewsGateway],
})
export class AppModule {}
