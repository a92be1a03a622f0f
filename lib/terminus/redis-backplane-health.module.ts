import { Module } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { RedisBackplaneHealthIndicator } from './redis-backplane.health.js';

/**
 * Provides {@link RedisBackplaneHealthIndicator}. Import it beside `TerminusModule`, in the module of your health controller:
 *
 * ```ts
 * imports: [TerminusModule, RedisBackplaneHealthModule]
 * ```
 *
 * It needs the `RedisBackplane` of `RedisBackplaneModule`, which is global by default. With `isGlobal: false`, list
 * `RedisBackplaneHealthIndicator` in the `providers` of a module that imports it.
 */
@Module({
  // Not TerminusModule, because an app that configures it with `forRoot()` would get a second one.
  providers: [HealthIndicatorService, RedisBackplaneHealthIndicator],
  exports: [RedisBackplaneHealthIndicator],
})
export class RedisBackplaneHealthModule {}
