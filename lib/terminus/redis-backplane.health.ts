import { Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import type { BackplaneHealth } from '../broadcast/health.js';
import { RedisBackplane } from '../broadcast/redis-backplane.js';

/**
 * The two health answers of the backplane for `@nestjs/terminus`:
 *
 * ```ts
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

  /** For the balancer: up from the end of bootstrap to the beginning of the shutdown, also while Redis is down. */
  readiness<const Key extends string = 'backplane'>(key?: Key): HealthIndicatorResult<Key> {
    return this.answer(key, this.backplane.readiness());
  }

  /** For alerting: up only while it is proved that messages get through. */
  delivery<const Key extends string = 'backplane'>(key?: Key): HealthIndicatorResult<Key> {
    return this.answer(key, this.backplane.delivery());
  }

  private answer<Key extends string>(
    key: Key | undefined,
    health: BackplaneHealth,
  ): HealthIndicatorResult<Key> {
    const session = this.indicators.check((key ?? 'backplane') as Key);
    const { up, status: state, servers, reason } = health;
    return up ? session.up({ state, servers }) : session.down({ state, servers, reason });
  }
}
