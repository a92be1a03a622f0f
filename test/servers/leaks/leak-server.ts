import 'reflect-metadata';
import { type EventEmitter, setMaxListeners } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type INestApplication, Logger, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  type Admission,
  BackplaneConnection,
  Broadcaster,
  RedisBackplane,
  RedisBackplaneAdapter,
  RedisBackplaneModule,
} from 'nestjs-redis-backplane';
import { Subject } from 'rxjs';
import { endWithParent } from '../serve.js';
import { churn, type ChurnServer } from './churn.js';
import { type Footprint, footprint, type Watched } from './footprint.js';

// Two servers and their clients in one process. It measures what is left of thousands of clients and closes the apps.
// After that nothing may keep the process alive. Run it with --expose-gc.

/** The report for the parent. */
export interface LeakReport {
  /** Measured after the warm-up and after each round of clients. */
  readonly rounds: readonly Footprint[];
  /** Measured after the apps have closed. */
  readonly closed: Footprint;
  readonly connections: number;
  /** Whether a handler's stream still has a subscriber. */
  readonly streamed: boolean;
}

const [WARM_UP = 0, ROUNDS = 0, CLIENTS = 0] = process.argv.slice(2).map(Number);
/** Channels stay subscribed for 1 s after their last member left. Unanswered requests are kept until their timeout. */
const LINGER_MS = 1500;
/** Servers remember commands and heartbeat times of their peers for a minute. */
const REMEMBER_MS = 61_000;
const streams = new Subject<unknown>();

async function authenticate({ url = '/' }: { url?: string }): Promise<Admission | null> {
  const query = new URL(url, 'ws://server').searchParams;
  await delay(query.has('wait') ? 5 : 0);
  if (query.has('refuse')) return null;
  const expires = query.get('expires');
  return {
    userId: query.get('user') ?? 'nobody',
    ...(expires !== null && { expiresAt: new Date(Date.now() + Number(expires)) }),
  };
}

@WebSocketGateway({ path: '/chat' })
class LeakGateway {
  handleConnection = (): Promise<void> => delay(0);
  handleDisconnect = (): Promise<void> => delay(0);

  @SubscribeMessage('id')
  id(@ConnectedSocket() { id }: BackplaneConnection) {
    return id;
  }

  @SubscribeMessage('join')
  join(@ConnectedSocket() client: BackplaneConnection, @MessageBody() group: string) {
    return client.join(group);
  }

  @SubscribeMessage('leave')
  leave(@ConnectedSocket() client: BackplaneConnection, @MessageBody() group: string) {
    return client.leave(group);
  }

  @SubscribeMessage('renew')
  renew(@ConnectedSocket() client: BackplaneConnection, @MessageBody() ms: number) {
    client.renew(new Date(Date.now() + ms));
  }

  @SubscribeMessage('ask back')
  askBack(@ConnectedSocket() client: BackplaneConnection) {
    return client.invoke('question');
  }

  /** A stream that never completes. It must be unsubscribed when its client disconnects. */
  @SubscribeMessage('watch')
  watch() {
    return streams;
  }

  @SubscribeMessage('close me')
  closeMe(@ConnectedSocket() client: BackplaneConnection) {
    client.close(4001, 'requested by the client');
  }
}

const backplane = RedisBackplaneModule.forRoot({
  connection: 'memory:leaks',
  authenticate,
  heartbeat: { interval: 1000, timeout: 5000 },
  allowedOrigins: ['https://example.com'],
});

@Module({ imports: [backplane], providers: [LeakGateway] })
class NearModule {}

@Module({ imports: [backplane], providers: [LeakGateway] })
class FarModule {}

interface Started extends ChurnServer {
  readonly app: INestApplication;
  readonly httpServer: Server;
}

async function start(module: Type): Promise<Started> {
  const app = await NestFactory.create(module);
  await app.listen(0, '127.0.0.1');
  const httpServer = app.getHttpServer() as Server;
  const { port } = httpServer.address() as AddressInfo;
  return { app, httpServer, port, broadcaster: app.get(Broadcaster) };
}

endWithParent();
Logger.overrideLogger(false);
const servers = await Promise.all([start(NearModule), start(FarModule)]);
const [near, far] = servers;
const shared = new AbortController();
// Node would warn of a leak because many concurrent invokes share the signal.
setMaxListeners(0, shared.signal);
const watched: Watched = {
  emitters: {
    process: process as EventEmitter,
    'near HTTP server': near.httpServer,
    'far HTTP server': far.httpServer,
  },
  signals: { 'the shared signal': shared.signal },
  roots: Object.fromEntries(
    servers.flatMap(({ app }, index): [string, object][] => [
      [`${index}.backplane`, app.get(RedisBackplane)],
      [`${index}.adapter`, app.get(RedisBackplaneAdapter)],
    ]),
  ),
};

const now = performance.now.bind(performance);
let skippedMs = 0;
performance.now = () => now() + skippedMs;

/** Measures after everything that is kept for a limited time has expired. */
async function settled(): Promise<Footprint> {
  const counts = (): number[] => servers.map(({ app }) => app.get(RedisBackplane).counters.connections);
  while (counts().some((connections) => connections > 0)) await delay(10);
  skippedMs += REMEMBER_MS;
  await delay(LINGER_MS);
  // A new command makes servers drop the expired ones.
  for (const { broadcaster } of servers) await broadcaster.join('nobody is there');
  return footprint(watched);
}

await churn(near, far, WARM_UP, shared.signal);
const rounds = [await settled()];
while (rounds.length <= ROUNDS) {
  await churn(near, far, CLIENTS, shared.signal);
  rounds.push(await settled());
}
const connections = near.app.get(RedisBackplane).counters.connections;
await Promise.all(servers.map(({ app }) => app.close()));
// Closed handles disappear in the next event loop turn.
await delay(0);
const closed = await footprint({ ...watched, roots: {} });
const report: LeakReport = { rounds, closed, connections, streamed: streams.observed };
process.send?.(report, () => {
  // From now on nothing may keep this process alive, so it must exit by itself.
  process.removeAllListeners('disconnect');
  process.disconnect();
});
