import { Logger } from '@nestjs/common';
import type { BackplaneLogger } from '../options/backplane-logger.js';

/** Writes lines of one part of the library. */
export interface LibraryLogger {
  log(message: string): void;
  warn(message: string): void;
  error(message: string, stack?: string): void;
}

/**
 * The logger of one part of the library: the app's own, whatever `app.useLogger()` says later, or the option `logger`.
 *
 * @param context names the part, as Nest's Logger does
 */
export function loggerFor(context: string, given: BackplaneLogger | undefined): LibraryLogger {
  if (!given) return new Logger(context);
  return {
    log: (message) => given.log(message, context),
    warn: (message) => given.warn(message, context),
    error: (message, stack) => given.error(message, stack, context),
  };
}
