import { readFile } from 'node:fs/promises';
import { type BeforeApplicationShutdown, type INestApplication, Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RedisBackplane } from 'nestjs-redis-backplane';
import { AppModule } from '../../sample/kubernetes/app.module.js';
import { next } from '../support/observe.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { listen, useTestFarm } from '../support/test-farm.js';

const DEPLOYMENT = new URL('../../sample/kubernetes/deployment.yaml', import.meta.url);

/** Runs the probes after the shutdown has begun and before any client is disconnected. */
@Injectable()
class ShutdownProbes implements BeforeApplicationShutdown {
  statuses: number[] = [];

  async beforeApplicationShutdown(): Promise<void> {
    // Nest 11 calls it again when the app is closed a second time.
    if (this.statuses.length === 0) this.statuses = await statuses();
  }
}

const farm = useTestFarm();
let redis: RedisServer;
let app: INestApplication;
let port: number;

beforeEach(async () => {
  redis = await startRedis();
  farm.onEnd(() => redis.stop());
  vi.stubEnv('REDIS_URL', redis.url);
  app = await farm.app({ imports: [AppModule], providers: [ShutdownProbes] });
  port = await listen(app);
});
afterEach(() => vi.unstubAllEnvs());

/** The path of a probe in the deployment. */
async function pathOf(probe: string): Promise<string> {
  const yaml = await readFile(DEPLOYMENT, 'utf8');
  const path = new RegExp(`${probe}:\\s+httpGet:\\s+path: (\\S+)`).exec(yaml)?.[1];
  if (path === undefined) throw new Error(`The deployment has no ${probe}.`);
  return path;
}

async function statusOf(path: string): Promise<number> {
  return (await fetch(`http://127.0.0.1:${port}${path}`)).status;
}

const statuses = async (): Promise<number[]> => {
  const paths = await Promise.all(['startupProbe', 'livenessProbe', 'readinessProbe'].map(pathOf));
  return Promise.all([...paths, '/health/delivery'].map(statusOf));
};

describe('the probes of the deployment in sample/kubernetes', () => {
  it('succeed while Redis is up, like the delivery check', async () => {
    expect(await statuses()).toEqual([200, 200, 200, 200]);
  });

  it('succeed while Redis is down, and the delivery check fails until it is back', async () => {
    const { status$ } = app.get(RedisBackplane);
    await redis.kill();
    await next(status$, ({ state }) => state !== 'ready');
    expect(await statuses()).toEqual([200, 200, 200, 503]);

    await redis.start();
    await next(status$, ({ state }) => state === 'ready');
    expect(await statuses()).toEqual([200, 200, 200, 200]);
  });

  it('fail only for readiness once the shutdown has begun', async () => {
    await app.close();
    expect(app.get(ShutdownProbes).statuses).toEqual([200, 200, 503, 200]);
  });
});
