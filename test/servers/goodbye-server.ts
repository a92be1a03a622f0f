import { setTimeout as delay } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Module, type OnApplicationShutdown } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { RedisBackplane, RedisBackplaneModule } from 'nestjs-redis-backplane';
import { serve } from './serve.js';

// A server that a signal ends, as main.ts makes one. It reports to its parent what happened on the way.
// `by-itself`: the signal does not kill it, so that it ends only when nothing of it runs any more.

const FAREWELL_MS = 50;

/** What the server sends to its parent when it ends. */
export interface GoodbyeReport {
  readonly disconnected: number;
  readonly farewellsEnded: number;
  /** What the health endpoint would have said when the first client was gone. */
  readonly readyAtFirstDisconnect: boolean | undefined;
  readonly readyBeforeClients: boolean | undefined;
}

@WebSocketGateway({ path: '/chat' })
class GoodbyeGateway implements BeforeApplicationShutdown, OnApplicationShutdown {
  private disconnected = 0;
  private farewellsEnded = 0;
  private readyAtFirstDisconnect: boolean | undefined;
  private readyBeforeClients: boolean | undefined;

  constructor(private readonly backplane: RedisBackplane) {}

  async handleDisconnect(): Promise<void> {
    if (this.disconnected++ === 0) this.readyAtFirstDisconnect = this.backplane.readiness().up;
    await delay(FAREWELL_MS);
    this.farewellsEnded++;
  }

  beforeApplicationShutdown(): void {
    this.readyBeforeClients = this.backplane.readiness().up;
  }

  onApplicationShutdown(): void {
    const { disconnected, farewellsEnded, readyAtFirstDisconnect, readyBeforeClients } = this;
    const report: GoodbyeReport = {
      disconnected,
      farewellsEnded,
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
    // The channel to the parent alone does not keep it.
    process.channel?.unref();
  },
});
