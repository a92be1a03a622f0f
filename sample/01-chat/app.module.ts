import { Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';
import { type ChatConnection, ChatGateway } from './chat.gateway.js';
import { FarmWatch } from './farm-watch.js';
import { HealthController } from './health.controller.js';
import { PageController } from './page.controller.js';
import { personOf } from './person.js';

@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true }),
    RedisBackplaneModule.forRootAsync({
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        connection: config.getOrThrow<string>('REDIS_URL'),
        channelPrefix: config.get('CHANNEL_PREFIX', 'chat'),
        authenticate: personOf,
        presence: {
          data: ({ data: { name } }: ChatConnection) => ({
            name,
            server: config.get<string>('SERVER_NAME', 'Server'),
          }),
        },
      }),
    }),
  ],
  controllers: [HealthController, PageController],
  providers: [ChatGateway, FarmWatch],
})
export class AppModule {}
