import { Module } from '@nestjs/common';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';
import { RoomGateway, type Visitor } from '../integration/balancers/signalr-application.gateway.js';
import type { BalancedSettings } from './balanced-server.js';
import { HealthController } from './health.controller.js';
import { serve } from './serve.js';

// A server of the SignalR application. It sends its port and the requests of its clients to the parent.

/** A request of a client that reached this server. */
export interface RequestReport {
  readonly userId: string;
  readonly request: 'negotiation' | 'websocket';
}

const { name, port, ...options } = JSON.parse(process.env.BALANCED_SERVER ?? '') as BalancedSettings;

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      ...options,
      protocols: ['json', 'msgpack'],
      authenticate: ({ headers, method }) => {
        const userId = /^Bearer token-of-(\w+)$/.exec(headers.authorization ?? '')?.[1];
        if (userId === undefined) return null;
        const report: RequestReport = { userId, request: method === 'POST' ? 'negotiation' : 'websocket' };
        process.send?.(report);
        const data: Visitor = { userId, server: name };
        return { userId, data };
      },
    }),
  ],
  controllers: [HealthController],
  providers: [RoomGateway],
})
class SignalRApplicationModule {}

await serve(SignalRApplicationModule, { prepare: (app) => app.enableShutdownHooks(), port });
