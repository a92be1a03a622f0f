import type { Presence } from '../presence/presence.js';
import type { Router } from '../routing/router.js';
import type { LimitedLog } from './limited-log.js';
import type { UnreachableUsers } from './unreachable-users.js';

export const BROADCAST_CONTEXT = Symbol('BROADCAST_CONTEXT');

/** Dependencies that all targets and connections of an app share. */
export interface BroadcastContext {
  readonly router: Router;
  readonly presence: Presence;
  /** The default timeout of `invoke` and `invokeAll`, in milliseconds. */
  readonly invokeTimeoutMs: number;
  readonly unreachable: UnreachableUsers;
  /** Logs failures that clients can cause. The whole app shares it, so the rate limit covers all connections together. */
  readonly log: LimitedLog;
}
