/** What is counted at the sockets. */
export interface EdgeCounters {
  /** Connections that are open, or wait for admission. */
  connections: number;
  /** Clients that were refused before they had a connection. */
  refused: number;
  /** Connections that were cut off because they did not answer a ping. */
  vanished: number;
  /** Connections that were closed because their client did not read. */
  tooSlow: number;
  /** Volatile messages that were dropped for a client which did not read. */
  volatileDropped: number;
  /** Connections that were closed because their client sent too much. */
  tooMany: number;
}

export function noEdgeCounts(): EdgeCounters {
  return { connections: 0, refused: 0, vanished: 0, tooSlow: 0, volatileDropped: 0, tooMany: 0 };
}
