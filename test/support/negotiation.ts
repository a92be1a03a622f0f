import type { IncomingMessage } from 'node:http';
import { type INestApplication, ForbiddenException } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { expect } from 'vitest';
import { WebSocket } from 'ws';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { HubGateway } from './hub.gateway.js';
import { listen, type TestFarm } from './test-farm.js';

export interface Negotiation {
  readonly negotiateVersion: number;
  readonly connectionId: string;
  readonly connectionToken?: string;
  readonly availableTransports: unknown;
  readonly error?: string;
}

/** Starts an app with a hub. Returns its port. */
export async function startHubApp(
  farm: TestFarm,
  options: RedisBackplaneOptions = {},
  adapter?: AbstractHttpAdapter,
  prepare: (app: INestApplication) => void = () => undefined,
): Promise<number> {
  const backplane = RedisBackplaneModule.forRoot({ ...farm.options(), signalr: true, ...options });
  const app = await farm.app({ imports: [backplane], providers: [HubGateway] }, adapter);
  prepare(app);
  return listen(app);
}

export function post(port: number, query = '?negotiateVersion=1', init: RequestInit = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/hub/negotiate${query}`, { method: 'POST', ...init });
}

export async function negotiated(port: number, query?: string, init?: RequestInit): Promise<Negotiation> {
  const response = await post(port, query, init);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('application/json');
  return (await response.json()) as Negotiation;
}

/** The status of an upgrade: 101 if it succeeds. */
export function upgrade(
  farm: TestFarm,
  port: number,
  query: string,
  headers: Record<string, string> = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/hub${query}`, { headers });
    farm.onEnd(() => socket.terminate());
    socket.on('open', () => resolve(101));
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    socket.on('error', reject);
  });
}

/** Admits everyone with a token, in the header or in the query. The token names the user. */
export function authenticate(request: IncomingMessage): { userId: string } | null {
  const { searchParams } = new URL(request.url ?? '', 'http://localhost');
  const token = request.headers.authorization?.replace(/^Bearer ?/, '') ?? searchParams.get('access_token');
  if (token === 'banned') throw new ForbiddenException();
  return token ? { userId: token } : null;
}
