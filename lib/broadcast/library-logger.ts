import { Logger } from '@nestjs/common';
import type { BackplaneLogger } from '../options/backplane-logger.js';

/** The logger of one part of the library. */
export interface LibraryLogger {
  log(message: string): void;
  warn(message: string): void;
  error(message: string, stack?: string): void;
}

/**
 * Creates the logger of one part of the library. It logs to the option `logger`, or else to the app's logger, even if
 * `app.useLogger()` sets it later.
 *
 * @param context the name of the part, as in Nest's Logger
 */
export function loggerFor(context: string, given: BackplaneLogger | undefined): LibraryLogger {
  if (!given) return new Logger(context);
  return {
    log: (message) => given.log(message, context),
    warn: (message) => given.warn(message, context),
    error: (message, stack) => given.error(message, stack, context),
  };
}
