import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { type BackplaneHealth, type BackplaneStatus, RedisBackplane } from 'nestjs-redis-backplane';

@Controller('health')
export class HealthController {
  constructor(private readonly backplane: RedisBackplane) {}

  /** For a balancer: 503 from the beginning of the shutdown, before any client is sent away. */
  @Get('ready')
  ready(): BackplaneHealth {
    const health = this.backplane.readiness();
    if (!health.up) throw new ServiceUnavailableException(health.reason);
    return health;
  }

  /** For the other servers of the demo, which show it to their pages. */
  @Get('state')
  state(): BackplaneStatus {
    return this.backplane.status;
  }
}
