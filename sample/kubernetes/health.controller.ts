import { Controller, Get } from '@nestjs/common';
import { HealthCheck, HealthCheckService } from '@nestjs/terminus';
import { RedisBackplaneHealthIndicator } from 'nestjs-redis-backplane/terminus';

@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly backplane: RedisBackplaneHealthIndicator,
  ) {}

  /** For the livenessProbe: the process answers. Redis plays no part, for a restart would only send the clients away. */
  @Get('live')
  @HealthCheck()
  live() {
    return this.health.check([]);
  }

  /** For the readinessProbe: up while this server can serve its own clients, so also while Redis is down. */
  @Get('ready')
  @HealthCheck()
  ready() {
    return this.health.check([() => this.backplane.readiness()]);
  }

  /** For alerts, not for a probe: up while it is proved that messages get from server to server. */
  @Get('delivery')
  @HealthCheck()
  delivery() {
    return this.health.check([() => this.backplane.delivery()]);
  }
}
