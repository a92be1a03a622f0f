import type { BackplaneStatus } from '../bus/status.js';

/** The result of a health check. */
export interface BackplaneHealth {
  readonly up: boolean;
  /** Why the check is down; `undefined` if it is up. */
  readonly reason: string | undefined;
  /** The state of this server's connection to the other servers. */
  readonly status: BackplaneStatus['state'];
  /** How many other servers this one hears. */
  readonly servers: number;
}
