import type { BackplaneStatus } from './bus/status.js';
import { BackplaneError } from './protocol/backplane.error.js';
import { sentence } from './protocol/thrown.js';

/** Startup failed, because Redis could not be reached in time and `abortConnect` is true. `cause` is the last failure. */
export class StartupTimeoutError extends BackplaneError {
  override readonly name = 'StartupTimeoutError';
  override readonly code = 'BACKPLANE_STARTUP_TIMEOUT';
  override readonly retryable = true;

  constructor(
    /** The value of the option `startupTimeout`, in milliseconds. */
    readonly timeoutMs: number,
    status: BackplaneStatus['state'],
    cause: Error | undefined,
  ) {
    super(
      `Redis could not be reached within ${timeoutMs} ms (the backplane is ${status})${cause ? `: ${sentence(cause.message)}` : '.'} ` +
        'Check the option `connection`, or set `abortConnect` to false to start without Redis.',
      { cause },
    );
  }
}
