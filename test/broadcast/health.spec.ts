import { Controller, Get, Module } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { beforeEach, describe, expect, it } from 'vitest';
import { RedisBackplane } from '../../lib/broadcast/redis-backplane.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { RedisBackplaneHealthIndicator, RedisBackplaneHealthModule } from '../../lib/terminus/index.js';
import type { ChatServer } from '../support/chat-app.js';
import { next } from '../support/observe.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { listen, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
let redis: RedisServer;
let server: ChatServer;
let indicator: RedisBackplaneHealthIndicator;

beforeEach(async () => {
  redis = await startRedis();
  farm.onEnd(() => redis.stop());
  server = await farm.server(farm.options(redis.url), {
    imports: [RedisBackplaneHealthModule],
  });
  indicator = server.app.get(RedisBackplaneHealthIndicator);
});

const status = (wanted: string): Promise<unknown> =>
  next(server.backplane.status$, ({ state }) => state === wanted);

describe('while Redis is up', () => {
  it('readiness and delivery are up, and the indicator agrees', () => {
    expect(server.backplane.readiness()).toMatchObject({ up: true, reason: undefined, status: 'ready' });
    expect(server.backplane.delivery()).toMatchObject({ up: true, servers: 0 });
    expect(indicator.readiness()).toMatchObject({ backplane: { status: 'up', state: 'ready' } });
    expect(indicator.delivery('redis')).toMatchObject({ redis: { status: 'up', servers: 0 } });
  });
});

describe('while Redis is down', () => {
  it('readiness stays up, and delivery is down, with a reason, until Redis is back', async () => {
    await redis.kill();
    await status('reconnecting');
    expect(server.backplane.readiness().up).toBe(true);
    expect(server.backplane.delivery()).toMatchObject({ up: false, reason: 'the backplane is reconnecting' });
    expect(indicator.delivery()).toMatchObject({ backplane: { status: 'down', state: 'reconnecting' } });

    await redis.start();
    await status('ready');
    expect(server.backplane.delivery().up).toBe(true);
  });
});

describe('before bootstrap has ended and after the shutdown has begun', () => {
  it('readiness is down', async () => {
    const app = await farm.app({ imports: [RedisBackplaneModule.forRoot(farm.options(redis.url))] });
    const backplane = app.get(RedisBackplane);
    expect(backplane.readiness().up).toBe(false);
    await app.init();
    expect(backplane.readiness().up).toBe(true);
    await app.close();
    expect(backplane.readiness()).toMatchObject({
      up: false,
      reason: 'the app is starting or shutting down',
    });
  });
});

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly backplane: RedisBackplaneHealthIndicator,
  ) {}

  @Get('ready')
  @HealthCheck()
  ready() {
    return this.health.check([() => this.backplane.readiness()]);
  }
}

/** As apps have it: a module of its own, which does not import the backplane. */
@Module({ imports: [TerminusModule, RedisBackplaneHealthModule], controllers: [HealthController] })
class HealthModule {}

@Module({
  imports: [TerminusModule.forRoot({ errorLogStyle: 'pretty', logger: false }), RedisBackplaneHealthModule],
  controllers: [HealthController],
})
class ConfiguredHealthModule {}

/** Without the module: what an app with `isGlobal: false` does. */
const BY_HAND = {
  imports: [TerminusModule],
  controllers: [HealthController],
  providers: [RedisBackplaneHealthIndicator],
};

describe('a health controller with the indicator', () => {
  it.each([
    ['beside TerminusModule', {}, { imports: [HealthModule] }],
    ['beside TerminusModule.forRoot()', {}, { imports: [ConfiguredHealthModule] }],
    ['provided by hand', { isGlobal: false }, BY_HAND],
  ])('answers: %s', async (_how, global, { imports, ...metadata }) => {
    const backplane = RedisBackplaneModule.forRoot({ ...farm.options(), ...global });
    const app = await farm.app({ ...metadata, imports: [...imports, backplane] });
    const port = await listen(app);

    const response = await fetch(`http://127.0.0.1:${port}/health/ready`);

    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ details: { backplane: { status: 'up', servers: 0 } } });
  });
});
