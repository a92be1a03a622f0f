import { Module } from '@nestjs/common';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';
import { PricesGateway } from './prices.gateway.js';

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      connection: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
      channelPrefix: 'prices',
      outage: 'reject', // the default: an emit that Redis did not accept rejects
    }),
  ],
  providers: [PricesGateway],
})
export class AppModule {}
