import { Module } from '@nestjs/common';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';
import { ScoreGateway } from './score.gateway.js';

@Module({
  imports: [
    RedisBackplaneModule.forRootAsync({
      // Read when the app starts, so that each test can choose its own.
      useFactory: () => ({
        connection: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
        channelPrefix: 'score',
      }),
    }),
  ],
  providers: [ScoreGateway],
})
export class AppModule {}
