import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { BackplaneConnection, RedisBackplane, RedisBackplaneModule } from 'nestjs-redis-backplane';
import { serve } from './serve.js';

// A server with low limits for hostile clients. Run it with --expose-gc. It reports its state when its parent asks.

/** The report that the server sends to its parent. */
export interface HostileReport {
  /** Bytes in use after a garbage collection. */
  readonly memory: number;
  readonly connections: number;
  /** Invokes that a client replied to. */
  readonly replies: number;
}

/** Longer than the life of a hostile client. */
const INVOKE_TIMEOUT_MS = 1000;
const ADMISSION_STEPS_MS = [0, 1, 5];
let replies = 0;

@WebSocketGateway({ path: '/chat' })
class EchoGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return { event: 'echo', data };
  }

  @SubscribeMessage('ask-me')
  async askMe(@ConnectedSocket() client: BackplaneConnection, @MessageBody() data: unknown) {
    const reply = await client.invoke('question', data, { timeout: INVOKE_TIMEOUT_MS });
    replies++;
    return { event: 'answered', data: reply };
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
      protocols: ['json', 'msgpack'],
      authenticate: async ({ url = '' }) => {
        await delay(ADMISSION_STEPS_MS[url.length % ADMISSION_STEPS_MS.length]);
        return url.includes('no') ? null : {};
      },
      limits: { payloadBytes: 64 * 1024, bufferedBytes: 64 * 1024, pendingMessages: 50, admissionTime: 1000 },
      heartbeat: { interval: 1000, timeout: 5000 },
    }),
  ],
  providers: [EchoGateway],
})
class HostileModule {}

const app = await serve(HostileModule, { logLevels: false });

process.on('message', (order) => {
  if (order === 'stop') return void app.close().then(() => process.exit(0));
  void collectGarbage().then((memory) => {
    const { connections } = app.get(RedisBackplane).counters;
    const report: HostileReport = { memory, connections, replies };
    process.send?.(report);
  });
});

async function collectGarbage(): Promise<number> {
  // Collect twice with a pause in between, so that objects released by finalizers are collected too.
  for (let round = 0; round < 2; round++) {
    globalThis.gc?.();
    await delay(10);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
