import { Injectable } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type {
  OutageOption,
  RedisBackplaneOptions,
  RedisBackplaneOptionsFactory,
} from 'nestjs-redis-backplane';

/** The options, from the environment. What is wrong with a value is said when the app starts, with the option's name. */
@Injectable()
export class BackplaneOptions implements RedisBackplaneOptionsFactory {
  constructor(private readonly config: ConfigService) {}

  createRedisBackplaneOptions(): RedisBackplaneOptions {
    return {
      connection: this.config.getOrThrow<string>('REDIS_URL'),
      channelPrefix: this.config.getOrThrow<string>('CHANNEL_PREFIX'),
      outage: this.config.get<OutageOption>('OUTAGE', 'reject'),
    };
  }
}
