import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { RedisBackplaneOptions } from './options/redis-backplane-options.js';

export const {
  ConfigurableModuleClass: RedisBackplaneModuleClass,
  MODULE_OPTIONS_TOKEN: REDIS_BACKPLANE_OPTIONS,
  OPTIONS_TYPE,
  ASYNC_OPTIONS_TYPE,
} = new ConfigurableModuleBuilder<RedisBackplaneOptions>({ moduleName: 'RedisBackplane' })
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createRedisBackplaneOptions')
  .setExtras({ isGlobal: true }, (definition, { isGlobal }) => ({ ...definition, global: isGlobal }))
  .build();
