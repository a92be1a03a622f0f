import { Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import type { BackplaneHealth } from '../broadcast/health.js';
import { RedisBackplane } from '../broadcast/redis-backplane.js';

/**
 * The readiness and delivery checks of the backplane for `@nestjs/terminus`. `RedisBackplaneHealthModule` provides it:
 *
 * ```ts
 * constructor(private readonly health: HealthCheckService, private readonly backplane: RedisBackplaneHealthIndicator) {}
 *
 * @Get('ready') @HealthCheck()
 * ready() { return this.health.check([() => this.backplane.readiness()]); }
 * ```
 */
@Injectable()
export class RedisBackplaneHealthIndicator {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly backplane: RedisBackplane,
  ) {}

  /**
   * The check for a load balancer. Up from the end of bootstrap until the shutdown begins, even while Redis is down. See
   * {@link RedisBackplane.readiness}.
   *
   * @param key the name of the check in the result. Default: `'backplane'`
   */
  readiness<const Key extends string = 'backplane'>(key?: Key): HealthIndicatorResult<Key> {
    return this.result(key, this.backplane.readiness());
  }

  /**
   * The check for alerts. Up while this server receives its own messages through Redis, and hears at least one other server
   * if there are any. See {@link RedisBackplane.delivery}.
   *
   * @param key the name of the check in the result. Default: `'backplane'`
   */
  delivery<const Key extends string = 'backplane'>(key?: Key): HealthIndicatorResult<Key> {
    return this.result(key, this.backplane.delivery());
  }

  private result<Key extends string>(
    key: Key | undefined,
    health: BackplaneHealth,
  ): HealthIndicatorResult<Key> {
    const indicator = this.indicators.check((key ?? 'backplane') as Key);
    const { up, status: state, servers, reason } = health;
    return up ? indicator.up({ state, servers }) : indicator.down({ state, servers, reason });
  }
}
