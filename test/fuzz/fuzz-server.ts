import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import {
  Broadcaster,
  RedisBackplane,
  RedisBackplaneAdapter,
  RedisBackplaneModule,
} from 'nestjs-redis-backplane';
import { serve } from '../servers/serve.js';
import { FuzzGateway } from './fuzz-gateway.js';
import { CountingLogger, FaultLog, memoryInUse, type Vitals, VitalsWatch } from './server-health.js';
import { sizesOfMaps } from './server-maps.js';
import { WitnessGateway } from './witness-gateway.js';

// A server under test. Its limits are low so that the cases reach them. Run it with --expose-gc.

/** A command from the parent process. */
export type ServerOrder =
  | { readonly order: 'report' }
  | { readonly order: 'invoke'; readonly connectionId: string }
  | { readonly order: 'stop' };

export interface ServerReport extends Vitals {
  readonly serverId: string;
  /** Bytes in use after a garbage collection. */
  readonly memory: number;
  readonly connections: number;
  /** The library's own counters. */
  readonly counters: Readonly<Record<string, number>>;
  /** Sizes by class and property. See server-maps.ts. */
  readonly maps: Readonly<Record<string, number>>;
  /** Uncaught exceptions, unhandled rejections and Node warnings since startup. */
  readonly faults: readonly string[];
  /** Log lines written since startup. */
  readonly loggedLines: number;
  readonly loggedBytes: number;
  /** Line counts by the first characters of the line. */
  readonly loggedBeginnings: Readonly<Record<string, number>>;
}

/** Lower than the defaults so that cases reach the timeouts. */
const INVOKE_TIMEOUT_MS = 400;
const ADMISSION_TIME_MS = 300;

async function authenticate(header: unknown) {
  switch (header) {
    case 'refuse':
      return null;
    case 'throw':
      throw new Error('x'.repeat(3000));
    case 'broken':
      return { userId: '', expiresAt: new Date(NaN) };
    case 'slow':
      await delay(30);
      return {};
    case 'never':
      await delay(10 * ADMISSION_TIME_MS);
      return {};
    case 'user':
      return { userId: 'u1' };
    case 'expired':
      return { expiresAt: new Date(Date.now() + 20) };
    default:
      await delay(1);
      return {};
  }
}

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      connection: process.env.FARM_CONNECTION ?? '',
      channelPrefix: process.env.FARM_PREFIX ?? '',
      protocols: ['json', 'msgpack'],
      authenticate: (request, path) => (path === '/witness' ? {} : authenticate(request.headers['x-fuzz'])),
      limits: { bufferedBytes: 2 ** 20, pendingMessages: 200, admissionTime: ADMISSION_TIME_MS },
      heartbeat: { interval: 1000, timeout: 15_000 },
    }),
  ],
  providers: [FuzzGateway, WitnessGateway],
})
class FuzzModule {}

const faultLog = new FaultLog();
const logger = new CountingLogger();
const vitals = new VitalsWatch();
const app = await serve(FuzzModule, { prepare: (created) => created.useLogger(logger), logLevels: false });
const backplane = app.get(RedisBackplane);
const broadcaster = app.get(Broadcaster);
const roots = [app.get(RedisBackplaneAdapter), broadcaster, backplane];
backplane.errors$.subscribe();

process.on('message', (order: ServerOrder) => {
  if (order.order === 'report') void report();
  else if (order.order === 'invoke') void invoke(order.connectionId).catch(() => undefined);
  else void app.close().then(() => process.exit(0));
});

/** The id may be invalid because a forged record can send the session any id. */
async function invoke(connectionId: string): Promise<void> {
  const target = broadcaster.gateway('/fuzz').connection(connectionId);
  await target.invoke('question', 1, { timeout: INVOKE_TIMEOUT_MS });
}

async function report(): Promise<void> {
  const seen = vitals.take();
  const memory = await memoryInUse();
  const { counters } = backplane;
  const message: ServerReport = {
    ...seen,
    serverId: backplane.serverId,
    memory,
    connections: counters.connections,
    counters,
    maps: sizesOfMaps(...roots),
    faults: faultLog.faults,
    loggedLines: logger.lines,
    loggedBytes: logger.bytes,
    loggedBeginnings: logger.beginnings,
  };
  vitals.forget();
  process.send?.(message);
}
