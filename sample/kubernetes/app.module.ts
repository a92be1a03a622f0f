import { Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { TerminusModule } from '@nestjs/terminus';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';
import { RedisBackplaneHealthIndicator } from 'nestjs-redis-backplane/terminus';
import { HealthController } from './health.controller.js';
import { NewsGateway } from './news.gateway.js';

@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true }),
    TerminusModule,
    RedisBackplaneModule.forRootAsync({
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        connection: config.getOrThrow<string>('REDIS_URL'),
        channelPrefix: config.get('CHANNEL_PREFIX', 'news'),
      }),
    }),
  ],
  controllers: [HealthController],
  providers: [RedisBackplaneHealthIndicator, NewsGateway],
})
export class AppModule {}
