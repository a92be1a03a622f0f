import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from './session.js';
import type { Deadline } from './deadline.js';

const GOING_AWAY = 1001;
/** Goodbyes in one turn of the loop; a whole server's at once would bring all its clients to the others at once. */
const PER_TURN = 200;
const PAUSE_MS = 20;

/** Tells clients that the server shuts down, in batches, until the deadline. */
export async function sayGoodbye(sessions: readonly Session[], deadline: Deadline): Promise<void> {
  for (const [index, { sink, socket }] of sessions.entries()) {
    sink.close(GOING_AWAY, 'The server is shutting down');
    // Its answer is to be read, also while its `handleConnection` runs.
    if (socket.isPaused) socket.resume();
    if (index % PER_TURN !== PER_TURN - 1) continue;
    if (deadline.leftMs === 0) return;
    await delay(Math.random() * PAUSE_MS);
  }
}
