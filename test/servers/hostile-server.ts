import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { RedisBackplane, RedisBackplaneModule } from 'nestjs-redis-backplane';

// A server with tight limits, for clients that mean no good. Run it with --expose-gc; asked by its parent, it says how it is.

/** What the server answers to `report`. */
export interface HostileReport {
  /** Bytes in use after a garbage collection. */
  readonly memory: number;
  readonly connections: number;
}

const ADMISSION_STEPS_MS = [0, 1, 5];

@WebSocketGateway({ path: '/chat' })
class EchoGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return { event: 'echo', data };
  }

  @SubscribeMessage('large')
  large() {
    return { event: 'large', data: 'x'.repeat(30_000) };
  }
}

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      connection: 'memory:',
      authenticate: async ({ url = '' }) => {
        await delay(ADMISSION_STEPS_MS[url.length % ADMISSION_STEPS_MS.length]);
        return url.includes('no') ? null : {};
      },
      limits: { payloadBytes: 64 * 1024, bufferedBytes: 64 * 1024, pendingMessages: 50, admissionTime: 1000 },
      heartbeat: { interval: 1000, timeout: 1000 },
    }),
  ],
  providers: [EchoGateway],
})
class HostileModule {}

// A server does not outlive whoever started it, however that one ends.
const end = (): never => process.exit();
process.on('disconnect', end);
if (!process.connected) end();

Logger.overrideLogger(false);
const app = await NestFactory.create(HostileModule);
await app.listen(0, '127.0.0.1');
process.send?.((app.getHttpServer() as { address(): AddressInfo }).address().port);

process.on('message', (order) => {
  if (order === 'stop') return void app.close().then(() => process.exit(0));
  void collectGarbage().then((memory) => {
    const report: HostileReport = { memory, connections: app.get(RedisBackplane).counters.connections };
    process.send?.(report);
  });
});

async function collectGarbage(): Promise<number> {
  // Twice, with a turn between: what finalizers let go of is collected, too.
  for (let round = 0; round < 2; round++) {
    globalThis.gc?.();
    await delay(10);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
