import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';
import { endWithParent } from './serve.js';

// A process without gateways whose Redis is absent, such as a worker that only emits. It closes as soon as it has started,
// reports what is left, and must then exit by itself.

/** What the worker sends to its parent when `app.close()` has resolved. */
export interface WorkerReport {
  /** The timers that keep the process running. */
  readonly timers: readonly string[];
}

const TURNS = 20;

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      connection: process.env.FARM_CONNECTION ?? '',
      sharded: process.env.FARM_SHARDED === 'true',
      // Long enough for a few attempts to connect.
      startupTimeout: 500,
    }),
  ],
})
class WorkerModule {}

endWithParent();
const app = await NestFactory.createApplicationContext(WorkerModule, { logger: false });
await app.close();

const timers = (): string[] => process.getActiveResourcesInfo().filter((name) => name === 'Timeout');
// Timers that are about to fire do not count.
for (let turn = 0; turn < TURNS && timers().length > 0; turn++)
  await new Promise((resolve) => setTimeout(resolve, 1).unref());
const report: WorkerReport = { timers: timers() };
process.send?.(report, () => {
  process.removeAllListeners('disconnect');
  process.disconnect();
});
