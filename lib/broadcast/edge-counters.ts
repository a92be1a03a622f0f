/** Counts of connections and of what happened to them on this server. `connections` is current, the others only rise. */
export interface EdgeCounters {
  /** Connections that are open or waiting for admission now. */
  connections: number;
  /** Clients that were refused before they were connected. */
  refused: number;
  /** Connections that were terminated because the client sent nothing, not even a pong, after a ping. */
  vanished: number;
  /** Connections that were closed because the client read too slowly (`limits.bufferedBytes`). */
  tooSlow: number;
  /** Volatile messages that were dropped because the client read too slowly. */
  volatileDropped: number;
  /** Connections that were closed because the client sent too many messages (`limits.pendingMessages`, `messagesPerSecond`). */
  tooMany: number;
}

export function noEdgeCounts(): EdgeCounters {
  return { connections: 0, refused: 0, vanished: 0, tooSlow: 0, volatileDropped: 0, tooMany: 0 };
}
