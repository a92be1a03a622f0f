import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { type INestApplication, Logger, type LogLevel, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

// Shared by all server processes of the tests.

const end = (): never => process.exit();

/** Makes this process exit when its parent does, however the parent ends. */
export function endWithParent(): void {
  process.on('disconnect', end);
  if (!process.connected) end();
}

export interface ServeOptions {
  /** Called with the app before it listens. */
  readonly prepare?: (app: INestApplication) => void;
  readonly logLevels?: LogLevel[] | false;
  /** By default any free port. */
  readonly port?: number;
}

/** Runs the app like `main.ts` and sends its port to the parent. */
export async function serve(
  module: Type,
  { prepare, logLevels = ['error'], port = 0 }: ServeOptions = {},
): Promise<INestApplication> {
  endWithParent();
  Logger.overrideLogger(logLevels);
  const app = await NestFactory.create(module);
  prepare?.(app);
  await app.listen(port, '127.0.0.1');
  process.send?.((app.getHttpServer() as { address(): AddressInfo }).address().port);
  return app;
}

/** Closes the app when the parent sends a message. After that the process must exit by itself. */
export function closeWhenTold(app: INestApplication): void {
  process.once('message', () => {
    void app.close().then(() => {
      process.off('disconnect', end);
      process.disconnect();
    });
  });
}
