import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { RedisBackplane } from 'nestjs-redis-backplane';

/** The health check of the balancers in the samples. */
@Controller('health')
export class HealthController {
  constructor(private readonly backplane: RedisBackplane) {}

  @Get('ready')
  ready() {
    const health = this.backplane.readiness();
    if (!health.up) throw new ServiceUnavailableException(health.reason);
    return health;
  }
}
