import type { Router } from '../routing/router.js';
import type { LimitedLog } from './limited-log.js';
import type { UnreachableUsers } from './unreachable-users.js';

export const BROADCAST_CONTEXT = Symbol('BROADCAST_CONTEXT');

/** What targets and connections share; there is one for the app. */
export interface BroadcastContext {
  readonly router: Router;
  /** How long `invoke` waits by default, in milliseconds. */
  readonly invokeTimeoutMs: number;
  readonly unreachable: UnreachableUsers;
  /** For failures that concern clients. One for the app, so that each kind of line is limited for all its connections together. */
  readonly log: LimitedLog;
}
