import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { type BackplaneHealth, RedisBackplane } from 'nestjs-redis-backplane';

/** For a balancer: 503 from the beginning of the shutdown, before any client is sent away. */
@Controller('health')
export class HealthController {
  constructor(private readonly backplane: RedisBackplane) {}

  @Get('ready')
  ready(): BackplaneHealth {
    const health = this.backplane.readiness();
    if (!health.up) throw new ServiceUnavailableException(health.reason);
    return health;
  }
}
