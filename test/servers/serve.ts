import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { type INestApplication, Logger, type LogLevel, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

// What every server process of the tests does.

const end = (): never => process.exit();

/** This process does not outlive whoever started it, however that one ends. */
export function endWithParent(): void {
  process.on('disconnect', end);
  if (!process.connected) end();
}

export interface ServeOptions {
  /** Gets the app before it listens. */
  readonly prepare?: (app: INestApplication) => void;
  readonly logLevels?: LogLevel[] | false;
  /** Any that is free where it is left out. */
  readonly port?: number;
}

/** Runs the app as `main.ts` does, and tells the parent its port. */
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

/** Closes the app at the parent's word. From then on nothing may keep the process: it ends by itself, or not at all. */
export function closeWhenTold(app: INestApplication): void {
  process.once('message', () => {
    void app.close().then(() => {
      process.off('disconnect', end);
      process.disconnect();
    });
  });
}
