/**
 * A connection string that cannot be used. The message says what is wrong and what to write instead; it quotes no
 * value, host or credential and never the string itself, so it can be logged.
 */
export class ConnectionStringError extends Error {
  override readonly name = 'ConnectionStringError';

  /**
   * @param message what is wrong and what to do, free of anything secret
   * @param key the key or parameter concerned, where there is one and its name cannot be part of a password
   */
  constructor(
    message: string,
    readonly key?: string,
  ) {
    super(message);
  }
}
