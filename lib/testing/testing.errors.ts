import { BackplaneError } from '../protocol/backplane.error.js';

/** A test uses the tools of `nestjs-redis-backplane/testing` in a way that cannot work. The message says what to change. */
export class TestSetupError extends BackplaneError {
  override readonly name = 'TestSetupError';
  override readonly code = 'BACKPLANE_TEST_SETUP';
}

/** A test client could not connect, or what it waited for did not arrive. The message lists what did arrive. */
export class TestClientError extends BackplaneError {
  override readonly name = 'TestClientError';
  override readonly code = 'BACKPLANE_TEST_CLIENT';

  constructor(
    message: string,
    /** The HTTP status with which the server refused the connection, such as 401. */
    readonly status?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The handler of an event replied to a test client's `invoke` with an error. */
export class HandlerError extends BackplaneError {
  override readonly name = 'HandlerError';
  override readonly code = 'BACKPLANE_HANDLER_FAILED';

  constructor(
    readonly event: string,
    /** What the client received as `error`: the payload that the exception filter sent. */
    readonly error: unknown,
  ) {
    super(`The handler of "${event}" replied with an error: ${JSON.stringify(error)}`);
  }
}
