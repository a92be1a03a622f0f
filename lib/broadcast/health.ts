import type { BackplaneStatus } from '../bus/status.js';

/** An answer to a health probe. */
export interface BackplaneHealth {
  readonly up: boolean;
  /** Why it is down; `undefined` when it is up. */
  readonly reason: string | undefined;
  readonly status: BackplaneStatus['state'];
  /** The other servers that this one hears. */
  readonly servers: number;
}
