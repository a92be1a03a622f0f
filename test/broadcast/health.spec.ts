import { TerminusModule } from '@nestjs/terminus';
import { beforeEach, describe, expect, it } from 'vitest';
import { RedisBackplane } from '../../lib/broadcast/redis-backplane.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { RedisBackplaneHealthIndicator } from '../../lib/terminus/redis-backplane.health.js';
import type { ChatServer } from '../support/chat-app.js';
import { next } from '../support/observe.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
let redis: RedisServer;
let server: ChatServer;
let indicator: RedisBackplaneHealthIndicator;

beforeEach(async () => {
  redis = await startRedis();
  farm.onEnd(() => redis.stop());
  server = await farm.server(farm.options(redis.url), {
    imports: [TerminusModule],
    providers: [RedisBackplaneHealthIndicator],
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
