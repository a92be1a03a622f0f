import { Module } from '@nestjs/common';
import { RedisBackplaneAdapter } from './adapter/redis-backplane.adapter.js';
import { BackplaneLifecycle } from './backplane-lifecycle.js';
import { Broadcaster } from './broadcast/broadcaster.js';
import { RedisBackplane } from './broadcast/redis-backplane.js';
import { RedisBackplaneModuleClass } from './redis-backplane.module-definition.js';
import { backplaneProviders } from './redis-backplane.providers.js';

/**
 * Connects the WebSocket gateways on all servers of an app through Redis. Import it once, in the root module:
 *
 * ```ts
 * RedisBackplaneModule.forRoot({ connection: 'redis://127.0.0.1:6379', channelPrefix: 'MyApp' })
 * ```
 *
 * The module registers the app's WebSocket adapter. It provides {@link Broadcaster}, {@link RedisBackplane} and
 * {@link RedisBackplaneAdapter}, globally unless `isGlobal: false` is set.
 */
@Module({
  providers: [...backplaneProviders, RedisBackplaneAdapter, BackplaneLifecycle],
  exports: [Broadcaster, RedisBackplane, RedisBackplaneAdapter],
})
export class RedisBackplaneModule extends RedisBackplaneModuleClass {}
