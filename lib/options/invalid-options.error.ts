/** Options that cannot be; bootstrap stops with it. The message names each wrong option, and never shows a value. */
export class InvalidOptionsError extends Error {
  override readonly name = 'InvalidOptionsError';

  constructor(readonly problems: readonly string[]) {
    super(`RedisBackplaneModule cannot start with these options: ${problems.join('; ')}.`);
  }
}
