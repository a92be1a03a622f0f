import { setTimeout as delay } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Module, type OnApplicationShutdown } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { RedisBackplane, RedisBackplaneModule } from 'nestjs-redis-backplane';
import { serve } from './serve.js';

// A server that exits on a signal, like a normal main.ts. It reports what happened during the shutdown to its parent.
// With the argument `by-itself` the signal does not kill it, so it exits only when nothing keeps it alive.

const HOOK_MS = 50;

/** What the server sends to its parent on shutdown. */
export interface GoodbyeReport {
  readonly disconnected: number;
  readonly hooksEnded: number;
  /** The readiness when the first client had disconnected. */
  readonly readyAtFirstDisconnect: boolean | undefined;
  readonly readyBeforeClients: boolean | undefined;
}

@WebSocketGateway({ path: '/chat' })
class GoodbyeGateway implements BeforeApplicationShutdown, OnApplicationShutdown {
  private disconnected = 0;
  private hooksEnded = 0;
  private readyAtFirstDisconnect: boolean | undefined;
  private readyBeforeClients: boolean | undefined;

  constructor(private readonly backplane: RedisBackplane) {}

  async handleDisconnect(): Promise<void> {
    if (this.disconnected++ === 0) this.readyAtFirstDisconnect = this.backplane.readiness().up;
    await delay(HOOK_MS);
    this.hooksEnded++;
  }

  beforeApplicationShutdown(): void {
    this.readyBeforeClients = this.backplane.readiness().up;
  }

  onApplicationShutdown(): void {
    const { disconnected, hooksEnded, readyAtFirstDisconnect, readyBeforeClients } = this;
    const report: GoodbyeReport = {
      disconnected,
      hooksEnded,
      readyAtFirstDisconnect,
      readyBeforeClients,
    };
    process.send?.(report);
  }
}

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      connection: process.env.FARM_CONNECTION ?? '',
      channelPrefix: process.env.FARM_PREFIX ?? '',
    }),
  ],
  providers: [GoodbyeGateway],
})
class GoodbyeModule {}

await serve(GoodbyeModule, {
  prepare: (app) => {
    app.enableShutdownHooks();
    if (process.argv.includes('by-itself')) process.on('SIGTERM', () => undefined);
    // The channel to the parent must not keep the process alive.
    process.channel?.unref();
  },
});
