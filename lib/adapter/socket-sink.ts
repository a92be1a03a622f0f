import type { WebSocket } from 'ws';
import type { ClientFrame } from '../protocol/client-frame.js';
import type { ConnectionSink } from '../routing/local-connection.js';
import type { EdgeCounters } from '../broadcast/edge-counters.js';
import { sendsAsIs, writeFrames } from './fast-write.js';
import type { PendingFrames } from './pending-frames.js';
import type { TurnWriter } from './turn-writer.js';

/** A socket with so many bytes unsent is slow enough to go without volatile messages. */
const VOLATILE_LIMIT_BYTES = 64 * 1024;

const TRY_AGAIN_LATER = 1013;

/** The writing end of one socket. */
export class SocketSink implements ConnectionSink {
  private pending: PendingFrames | undefined;
  private readonly sendsAsIs: boolean;

  constructor(
    private readonly socket: WebSocket,
    private readonly writer: TurnWriter,
    private readonly maxBufferedBytes: number,
    private readonly counters: EdgeCounters,
  ) {
    this.sendsAsIs = sendsAsIs(socket);
  }

  write(frame: ClientFrame, volatile: boolean): void {
    // The socket is not touched before `flush`, but for volatile frames: in a fan-out that costs as much as all the rest.
    if (volatile && this.isSlow) {
      this.counters.volatileDropped++;
      return;
    }
    const { pending } = this;
    if (pending && pending.bytes > this.maxBufferedBytes) return this.tooSlow();
    this.pending = this.writer.append(this, pending, frame);
  }

  private get isSlow(): boolean {
    const unsent = this.socket.bufferedAmount;
    return unsent > VOLATILE_LIMIT_BYTES || unsent + (this.pending?.bytes ?? 0) > this.maxBufferedBytes;
  }

  flush(): void {
    const { pending, socket } = this;
    this.pending = undefined;
    if (!pending || socket.readyState !== socket.OPEN) return;
    const unsent = socket.bufferedAmount;
    if (unsent > 0 && unsent + pending.bytes > this.maxBufferedBytes) return this.tooSlow();
    try {
      if (this.sendsAsIs && writeFrames(socket, pending.wire)) return;
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
