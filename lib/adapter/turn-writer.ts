import type { ClientFrame } from '../protocol/client-frame.js';
import { PendingFrames } from './pending-frames.js';

/** A sink with frames to write at the end of the turn. `flush` must not throw. */
export interface Flushable {
  flush(): void;
}

/** How many sockets are written to in one turn. At about 10 µs each, Redis is not read for about 5 ms. */
const SOCKETS_PER_TURN = 500;

/** Writes to each socket once per turn of the event loop, no matter how many messages the turn brought for it. */
export class TurnWriter {
  private waiting: Flushable[] = [];
  private scheduled = false;
  private empty = PendingFrames.empty();

  /** Returns the pending frames with this one added. If there were none, flushes the sink at the end of the turn. */
  append(sink: Flushable, pending: PendingFrames | undefined, frame: ClientFrame): PendingFrames {
    if (pending) return pending.with(frame);
    this.waiting.push(sink);
    this.schedule();
    return this.empty.with(frame);
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.flush());
  }

  private flush(): void {
    this.scheduled = false;
    const batch = this.waiting.splice(0, SOCKETS_PER_TURN);
    // Starts a new list, so that the buffers of this turn can be garbage-collected.
    this.empty = PendingFrames.empty();
    if (this.waiting.length > 0) this.schedule();
    for (const sink of batch) sink.flush();
  }
}
