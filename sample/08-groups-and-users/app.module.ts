import { Module } from '@nestjs/common';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';
import { TeamGateway } from './team.gateway.js';

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      connection: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
      channelPrefix: 'team',
      // This sample trusts the URL; sample 04 checks a token.
      authenticate: ({ url = '/' }) => ({
        userId: new URL(url, 'ws://server').searchParams.get('user') ?? '',
      }),
    }),
  ],
  providers: [TeamGateway],
})
export class AppModule {}
