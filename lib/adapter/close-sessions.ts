import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from './session.js';
import type { Deadline } from './deadline.js';

const GOING_AWAY = 1001;
/** How many connections are closed at once. If all were, all clients would reconnect to the other servers at the same time. */
const BATCH = 200;
/** The maximum pause between two batches. The actual pause is random. */
const MAX_PAUSE_MS = 20;

/** Closes the connections with 1001, in batches. Stops at the deadline. */
export async function closeSessions(sessions: readonly Session[], deadline: Deadline): Promise<void> {
  for (const [index, session] of sessions.entries()) {
    session.close(GOING_AWAY, 'The server is shutting down');
    // The client's close frame must be read, even if the socket is paused because `handleConnection` is still running.
    if (session.socket.isPaused) session.socket.resume();
    if (index % BATCH !== BATCH - 1) continue;
    if (deadline.leftMs === 0) return;
    await delay(Math.random() * MAX_PAUSE_MS);
  }
}
