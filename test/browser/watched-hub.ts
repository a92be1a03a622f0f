import type { IncomingMessage, Server } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { HubGateway } from '../support/hub.gateway.js';
import { startHubApp } from '../support/negotiation.js';
import type { TestFarm } from '../support/test-farm.js';

/** What a server received from a browser. */
export interface SeenRequest {
  /** The method, or `upgrade`. */
  readonly kind: string;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
  readonly accessToken: string | null;
  readonly cookie: string | undefined;
}

export interface WatchedHub {
  readonly app: INestApplication;
  readonly port: number;
  readonly url: string;
  readonly gateway: HubGateway;
  /** All HTTP requests and upgrades, in order. */
  readonly requests: readonly SeenRequest[];
}

export interface HubSetup {
  readonly platform: 'Express' | 'Fastify';
  /** The origin of the app's own CORS, `true` for every one. Without it, the app has none. */
  readonly corsOrigin?: string | true;
}

/** Starts a server with a hub in JSON and MessagePack that notes what browsers request. */
export async function startWatchedHub(
  farm: TestFarm,
  options: RedisBackplaneOptions,
  { platform, corsOrigin }: HubSetup,
): Promise<WatchedHub> {
  const requests: SeenRequest[] = [];
  const apps: INestApplication[] = [];
  const port = await startHubApp(
    farm,
    { protocols: ['json', 'msgpack'], ...options },
    platform === 'Express' ? new ExpressAdapter() : new FastifyAdapter(),
    (app) => {
      apps.push(app);
      if (corsOrigin !== undefined) app.enableCors({ origin: corsOrigin, credentials: true });
      watch(app.getHttpServer() as Server, requests);
    },
  );
  const [app] = apps;
  if (!app) throw new Error('The app was not prepared.');
  return { app, port, url: `http://127.0.0.1:${port}/hub`, gateway: app.get(HubGateway), requests };
}

function watch(server: Server, requests: SeenRequest[]): void {
  for (const event of ['request', 'upgrade'] as const)
    server.on(event, ({ method = '', url = '', headers }: IncomingMessage) => {
      const { origin, authorization, cookie } = headers;
      const accessToken = new URL(url, 'http://localhost').searchParams.get('access_token');
      requests.push({ kind: event === 'upgrade' ? event : method, origin, authorization, accessToken, cookie });
    });
}
