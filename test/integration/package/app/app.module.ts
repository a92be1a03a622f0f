import { Module } from '@nestjs/common';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';
import { ChatGateway } from './chat.gateway.js';

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      connection: process.env.CONNECTION ?? '',
      channelPrefix: process.env.PREFIX ?? '',
    }),
  ],
  providers: [ChatGateway],
})
export class AppModule {}
