import type { ResolvedEdge } from '../options/edge-options.js';
import type { EdgeCounters } from '../broadcast/edge-counters.js';
import type { Connections } from '../broadcast/connections.js';
import type { Dispatcher } from '../broadcast/dispatcher.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import type { LibraryLogger } from '../broadcast/library-logger.js';
import type { LimitedLog } from '../broadcast/limited-log.js';
import type { Authenticators } from './authenticators.js';

export const ADAPTER_CONTEXT = Symbol('ADAPTER_CONTEXT');

/** What the adapter needs of the rooms below it. */
export interface AdapterContext {
  readonly serverId: string;
  readonly dispatcher: Dispatcher;
  readonly connections: Connections;
  readonly protocols: readonly ClientProtocol[];
  readonly edge: ResolvedEdge;
  readonly authenticators: Authenticators;
  readonly counters: EdgeCounters;
  readonly logger: LibraryLogger;
  /** One for the app, so that each kind of line is limited for all its connections together. */
  readonly log: LimitedLog;
}
