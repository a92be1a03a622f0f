import type { ResolvedEdge } from '../options/edge-options.js';
import type { ResolvedPresence } from '../options/presence-options.js';
import type { BroadcastContext } from '../broadcast/broadcast-context.js';
import type { EdgeCounters } from '../broadcast/edge-counters.js';
import type { Connections } from '../broadcast/connections.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import type { LibraryLogger } from '../broadcast/library-logger.js';
import type { Clock } from '../bus/clock.js';
import type { Authenticators } from './authenticators.js';

export const ADAPTER_CONTEXT = Symbol('ADAPTER_CONTEXT');

/** What the adapter needs from the folders below it. */
export interface AdapterContext extends BroadcastContext {
  readonly serverId: string;
  readonly connections: Connections;
  readonly protocols: readonly ClientProtocol[];
  readonly edge: ResolvedEdge;
  readonly presenceDataOf: ResolvedPresence['data'];
  readonly authenticators: Authenticators;
  readonly counters: EdgeCounters;
  readonly logger: LibraryLogger;
  readonly clock: Clock;
}
