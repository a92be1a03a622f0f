/** What a server can do for the others, as its heartbeats say: one bit each, so a server may have several. */
export const Capability = {
  /**
   * It may hold connections, and replies to commands and invocations. A process that only emits has no connections, so no
   * request waits for it.
   */
  Connections: 1,
  /** It replies to queries, at least to say that it does not know a kind of query: see query-record.ts. */
  Queries: 2,
} as const;

/** What this release can do. */
export const OWN_CAPABILITIES: number = Capability.Connections | Capability.Queries;

/** What a server can do whose heartbeat says nothing about it: the same as the first release. */
export const FIRST_CAPABILITIES: number = Capability.Connections;
