/**
 * Identifies an error. Codes are stable: a release may add codes, but only a major version renames or removes one.
 * `lib/ERRORS.md` lists them with their causes and what to do.
 */
export type BackplaneErrorCode =
  | 'BACKPLANE_CLIENT_RESULT'
  | 'BACKPLANE_CLOSED'
  | 'BACKPLANE_COMMAND_FAILED'
  | 'BACKPLANE_COMMAND_TIMEOUT'
  | 'BACKPLANE_CONNECTION_CLOSED'
  | 'BACKPLANE_CONNECTION_NOT_FOUND'
  | 'BACKPLANE_DUPLICATE_MODULE'
  | 'BACKPLANE_FOREIGN_ADAPTER'
  | 'BACKPLANE_HANDLER_FAILED'
  | 'BACKPLANE_INVALID_ARGUMENT'
  | 'BACKPLANE_INVALID_CLOSE'
  | 'BACKPLANE_INVALID_NAME'
  | 'BACKPLANE_INVALID_OPTIONS'
  | 'BACKPLANE_INVALID_PATH'
  | 'BACKPLANE_INVALID_RESULT'
  | 'BACKPLANE_INVOKE_CANCELED'
  | 'BACKPLANE_INVOKE_TARGET'
  | 'BACKPLANE_INVOKE_TIMEOUT'
  | 'BACKPLANE_MESSAGES_GIVEN_UP'
  | 'BACKPLANE_MESSAGE_TOO_LARGE'
  | 'BACKPLANE_NOT_A_GATEWAY'
  | 'BACKPLANE_NOT_JOINED'
  | 'BACKPLANE_NOT_PUBLISHED'
  | 'BACKPLANE_NO_HTTP_SERVER'
  | 'BACKPLANE_PATH_REQUIRED'
  | 'BACKPLANE_PUBLISH_OUTCOME_UNKNOWN'
  | 'BACKPLANE_REDIS_CONNECT'
  | 'BACKPLANE_REPLIES_MISSING'
  | 'BACKPLANE_SERVER_LOST'
  | 'BACKPLANE_STARTUP_TIMEOUT'
  | 'BACKPLANE_TARGET_WIDENED'
  | 'BACKPLANE_TEST_CLIENT'
  | 'BACKPLANE_TEST_SETUP'
  | 'BACKPLANE_UNSENDABLE_DATA'
  | ReportedErrorCode;

/** The codes of the errors that `errors$` reports, one for each stage. */
export type ReportedErrorCode =
  | 'BACKPLANE_CONNECT_FAILED'
  | 'BACKPLANE_SUBSCRIBE_FAILED'
  | 'BACKPLANE_PUBLISH_FAILED'
  | 'BACKPLANE_DECODE_FAILED'
  | 'BACKPLANE_DELIVER_FAILED'
  | 'BACKPLANE_LISTENER_FAILED'
  | 'BACKPLANE_PRESENCE_FAILED';

/**
 * The base class of all errors of this library:
 *
 * ```ts
 * try {
 *   await client.join(room);
 * } catch (error) {
 *   if (error instanceof BackplaneError && error.retryable) return retryLater();
 *   throw error;
 * }
 * ```
 */
export abstract class BackplaneError extends Error {
  /** Which error it is. Unlike `instanceof`, it also works across two copies of the package. */
  abstract readonly code: BackplaneErrorCode;

  /**
   * Whether the same call may be repeated later: `true` if it may succeed then, and nothing happens twice. So an emit that
   * has reached connections of this server is not retryable, although no other server has received it.
   */
  readonly retryable: boolean = false;
}
