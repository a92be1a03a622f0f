import type { ClientFrame } from '../protocol/client-frame.js';
import { PendingFrames } from './pending-frames.js';

/** What can be written to at the end of a turn; must not throw. */
export interface Flushable {
  flush(): void;
}

/** Sockets written to before the loop gets a turn: about 10 µs each, so some 5 ms in which Redis is not read. */
const SOCKETS_PER_TURN = 500;

/** Writes to each socket once per turn of the loop, whatever number of messages the turn brought for it. */
export class TurnWriter {
  private waiting: Flushable[] = [];
  private scheduled = false;
  private empty = PendingFrames.empty();

  /** The chain that `pending`, or nothing, becomes with this frame; the sink is written to at the end of the turn. */
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
    const now = this.waiting.splice(0, SOCKETS_PER_TURN);
    // What is joined in this turn is not kept for the next one.
    this.empty = PendingFrames.empty();
    if (this.waiting.length > 0) this.schedule();
    for (const sink of now) sink.flush();
  }
}
