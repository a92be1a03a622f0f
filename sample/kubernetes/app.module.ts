import { Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { TerminusModule } from '@nestjs/terminus';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';
import { RedisBackplaneHealthModule } from 'nestjs-redis-backplane/terminus';
import { HealthController } from './health.controller.js';
import { NewsGateway } from './news.gateway.js';

@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true }),
    TerminusModule,
    RedisBackplaneHealthModule,
    RedisBackplaneModule.forRootAsync({
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        connection: config.getOrThrow<string>('REDIS_URL'),
        channelPrefix: config.get('CHANNEL_PREFIX', 'news'),
      }),
    }),
  ],
  controllers: [HealthController],
  providers: [NewsGateway],
})
export class AppModule {}
