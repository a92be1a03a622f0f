import { IncomingMessage, type Server } from 'node:http';
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

/** The hub's address for pages. Browsers resolve every name under `localhost` to this machine. */
export function hubUrl(port: number): string {
  return `http://api.example.localhost:${port}/hub`;
}

/** Starts a server with a hub in JSON and MessagePack, and records its requests. */
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
    },
  );
  const [app] = apps;
  if (!app) throw new Error('The app was not prepared.');
  watch(app.getHttpServer() as Server, requests);
  return { app, port, url: hubUrl(port), gateway: app.get(HubGateway), requests };
}

type Emit = (event: string, ...args: unknown[]) => boolean;

/** Wraps `emit`, because the library does not pass the upgrades of its paths on to other listeners. */
function watch(server: Server, requests: SeenRequest[]): void {
  const emit = server.emit.bind(server) as Emit;
  const emitRecorded: Emit = (event, ...args) => {
    const [request] = args;
    if ((event === 'request' || event === 'upgrade') && request instanceof IncomingMessage)
      requests.push(seen(event === 'upgrade' ? event : (request.method ?? ''), request));
    return emit(event, ...args);
  };
  server.emit = emitRecorded;
}

function seen(kind: string, { url = '', headers }: IncomingMessage): SeenRequest {
  const { origin, authorization, cookie } = headers;
  const accessToken = new URL(url, 'http://localhost').searchParams.get('access_token');
  return { kind, origin, authorization, accessToken, cookie };
}
