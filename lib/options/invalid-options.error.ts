import { BackplaneError } from '../protocol/backplane.error.js';

/** Invalid options: the app does not start. The message names each of them, and never shows a value that may be a secret. */
export class InvalidOptionsError extends BackplaneError {
  override readonly name = 'InvalidOptionsError';
  override readonly code = 'BACKPLANE_INVALID_OPTIONS';

  constructor(readonly problems: readonly string[]) {
    super(`RedisBackplaneModule cannot start with these options: ${problems.join('; ')}.`);
  }
}
