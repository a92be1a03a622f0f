import type { INestApplication, Type } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { listen, type TestFarm } from './test-farm.js';

export interface Running {
  readonly app: INestApplication;
  readonly port: number;
}

/** Starts an app with the gateways on the WsAdapter of `@nestjs/platform-ws`. */
export async function startPlain(farm: TestFarm, ...gateways: Type[]): Promise<Running> {
  const app = await farm.app({ providers: gateways });
  app.useWebSocketAdapter(new WsAdapter(app));
  return { app, port: await listen(app) };
}

/** Starts an app with the gateways on our adapter. */
export async function startOurs(
  farm: TestFarm,
  options: RedisBackplaneOptions,
  ...gateways: Type[]
): Promise<Running> {
  const module = RedisBackplaneModule.forRoot({ ...farm.options(), ...options });
  const app = await farm.app({ imports: [module], providers: gateways });
  return { app, port: await listen(app) };
}
