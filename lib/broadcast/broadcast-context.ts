import type { Router } from '../routing/router.js';
import type { UnreachableUsers } from './unreachable-users.js';

export const BROADCAST_CONTEXT = Symbol('BROADCAST_CONTEXT');

/** What targets and connections share; there is one for the app. */
export interface BroadcastContext {
  readonly router: Router;
  /** How long `invoke` waits by default, in milliseconds. */
  readonly invokeTimeoutMs: number;
  /** `undefined` in an app that authenticates its clients. */
  readonly unreachable: UnreachableUsers | undefined;
}
