import type { WebSocket } from 'ws';
import type { ClientFrame } from '../protocol/client-frame.js';
import type { ConnectionSink } from '../routing/local-connection.js';
import type { EdgeCounters } from '../broadcast/edge-counters.js';
import { writeFrames } from './fast-write.js';
import type { PendingFrames } from './pending-frames.js';
import type { TurnWriter } from './turn-writer.js';

/** A socket with so many bytes unsent is slow enough to go without volatile messages. */
const VOLATILE_LIMIT_BYTES = 64 * 1024;

const TRY_AGAIN_LATER = 1013;

/** The writing end of one socket. */
export class SocketSink implements ConnectionSink {
  private pending: PendingFrames | undefined;
  /** Bytes unsent when the first of the pending frames came: asked for once a turn, for a busy turn brings hundreds of frames. */
  private unsentBytes = 0;

  constructor(
    private readonly socket: WebSocket,
    private readonly writer: TurnWriter,
    private readonly maxBufferedBytes: number,
    private readonly counters: EdgeCounters,
  ) {}

  write(frame: ClientFrame, volatile: boolean): void {
    const { pending, socket } = this;
    if (!pending) {
      if (socket.readyState !== socket.OPEN) return;
      this.unsentBytes = socket.bufferedAmount;
    }
    const isFull = this.unsentBytes + (pending?.bytes ?? 0) > this.maxBufferedBytes;
    if (volatile && (isFull || this.unsentBytes > VOLATILE_LIMIT_BYTES)) {
      this.counters.volatileDropped++;
      return;
    }
    if (isFull) return this.tooSlow();
    this.pending = this.writer.append(this, pending, frame);
  }

  flush(): void {
    const { pending, socket } = this;
    this.pending = undefined;
    if (!pending || socket.readyState !== socket.OPEN) return;
    try {
      if (writeFrames(socket, pending.wire)) return;
      for (const { payload, binary } of pending.list()) socket.send(payload, { binary });
    } catch {
      // A socket that cannot even be written to is of no use to its client, and must not keep the others from theirs.
      socket.terminate();
    }
  }

  private tooSlow(): void {
    this.counters.tooSlow++;
    // What waits is dropped: the client would not read it either.
    this.pending = undefined;
    this.socket.close(TRY_AGAIN_LATER, 'Too slow');
  }

  close(code: number, reason: string): void {
    this.flush();
    this.socket.close(code, reason);
  }
}
