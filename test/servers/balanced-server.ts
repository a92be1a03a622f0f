import { Module } from '@nestjs/common';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  BackplaneConnection,
  RedisBackplane,
  RedisBackplaneModule,
  type RedisBackplaneOptions,
} from 'nestjs-redis-backplane';
import { HealthController } from './health.controller.js';
import { serve } from './serve.js';

// A server behind a load balancer. It sends its port and its loss reports to the parent.

export interface BalancedSettings extends Pick<
  RedisBackplaneOptions,
  'connection' | 'channelPrefix' | 'heartbeat' | 'signalr'
> {
  readonly name: string;
  readonly port: number;
}

/** A loss report for the parent, in milliseconds since the epoch. */
export interface LossReport {
  readonly from: number;
  readonly to: number;
}

/** The server's identity, and what the balancer told it about the client. */
export interface Who {
  readonly name: string;
  readonly pid: number;
  readonly host: string | undefined;
  readonly forwardedFor: string | undefined;
  readonly forwardedProto: string | undefined;
}

const { name, port, ...options } = JSON.parse(process.env.BALANCED_SERVER ?? '') as BalancedSettings;

@WebSocketGateway({ path: '/chat' })
class BalancedGateway {
  @SubscribeMessage('who')
  who(@ConnectedSocket() { data }: BackplaneConnection<Who>) {
    return { event: 'who', data };
  }

  @SubscribeMessage('join')
  async join(@ConnectedSocket() client: BackplaneConnection<Who>, @MessageBody() group: string) {
    await client.join(group);
    return { event: 'joined', data: client.data };
  }
}

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      ...options,
      authenticate: ({ headers }) => {
        const { 'x-forwarded-for': forwardedFor, 'x-forwarded-proto': forwardedProto, host } = headers;
        return { data: { name, pid: process.pid, host, forwardedFor, forwardedProto } };
      },
    }),
  ],
  controllers: [HealthController],
  providers: [BalancedGateway],
})
class BalancedModule {}

const app = await serve(BalancedModule, { prepare: (created) => created.enableShutdownHooks(), port });
app.get(RedisBackplane).loss$.subscribe(({ from, to }) => {
  const report: LossReport = { from: from.getTime(), to: to.getTime() };
  process.send?.(report);
});
