/**
 * An invalid connection string. The message says what is wrong and what to write instead. It can be logged, because it
 * never quotes a value, host or credential, or the string itself.
 */
export class ConnectionStringError extends Error {
  override readonly name = 'ConnectionStringError';

  /**
   * @param message what is wrong and what to do, without secrets
   * @param key the invalid key or parameter, if there is one and its name cannot be part of a password
   */
  constructor(
    message: string,
    readonly key?: string,
  ) {
    super(message);
  }
}
