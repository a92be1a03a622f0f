import type { Dispatcher } from '../broadcast/dispatcher.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import type { Router } from '../routing/router.js';

export const ADAPTER_CONTEXT = Symbol('ADAPTER_CONTEXT');

/** What the adapter needs of the rooms below it. */
export interface AdapterContext {
  readonly serverId: string;
  readonly router: Router;
  readonly dispatcher: Dispatcher;
  readonly protocols: readonly ClientProtocol[];
}
