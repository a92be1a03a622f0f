import type { WebSocket } from 'ws';
import type { ClientFrame } from '../protocol/client-frame.js';
import type { ConnectionSink } from '../routing/local-connection.js';
import type { EdgeCounters } from '../broadcast/edge-counters.js';
import { sendsAsIs, writeFrames } from './fast-write.js';
import type { PendingFrames } from './pending-frames.js';
import { PongWriter } from './pong-writer.js';
import type { TurnWriter } from './turn-writer.js';

/** A socket with so many bytes unsent is slow enough to go without volatile messages. */
const VOLATILE_LIMIT_BYTES = 64 * 1024;

const TRY_AGAIN_LATER = 1013;

/** The writing end of one socket. */
export class SocketSink implements ConnectionSink {
  private pending: PendingFrames | undefined;
  /** Made with the first ping: browsers, and most clients, send none. */
  private pongs: PongWriter | undefined;
  /** More waits than may: it takes nothing more, and is closed when it would be written to. */
  private full = false;
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
    if (this.full) return;
    // The socket is not touched before `flush`, but for volatile frames: in a fan-out that costs as much as all the rest.
    if (volatile && this.isSlow) {
      this.counters.volatileDropped++;
      return;
    }
    const { pending } = this;
    if (pending && pending.bytes > this.maxBufferedBytes) {
      // Not closed here, in the middle of a delivery: those who are being served would change.
      this.full = true;
      return;
    }
    this.pending = this.writer.append(this, pending, frame);
  }

  /** More waits than may: the connection is closed at the end of the turn. */
  get isFull(): boolean {
    return this.full;
  }

  private get isSlow(): boolean {
    const { unsent } = this;
    return unsent > VOLATILE_LIMIT_BYTES || unsent + (this.pending?.bytes ?? 0) > this.maxBufferedBytes;
  }

  /** Bytes that the client has not taken from us yet, but for the frames that wait for the end of the turn. */
  private get unsent(): number {
    return this.socket.bufferedAmount + (this.pongs?.bytes ?? 0);
  }

  flush(): void {
    const { pending, socket } = this;
    this.pending = undefined;
    if (!pending || socket.readyState !== socket.OPEN) return;
    if (this.full || this.exceedsWith(pending.bytes)) return this.tooSlow();
    try {
      if (this.sendsAsIs && writeFrames(socket, pending.wire)) return;
      for (const { payload, binary } of pending.list()) socket.send(payload, { binary });
    } catch {
      // A socket that cannot even be written to is of no use to its client, and must not keep the others from theirs.
      socket.terminate();
    }
  }

  /** Answers a ping, which counts as any other write: a client that pings and does not read the answers is too slow. */
  pong(payload: Buffer): void {
    const { socket } = this;
    if (socket.readyState !== socket.OPEN) return;
    if (this.exceedsWith((this.pending?.bytes ?? 0) + payload.length)) return this.tooSlow();
    this.pongs ??= new PongWriter(socket);
    this.pongs.answer(payload);
  }

  /** What is larger than the limit by itself is sent when nothing waits. */
  private exceedsWith(bytes: number): boolean {
    const { unsent } = this;
    return unsent > 0 && unsent + bytes > this.maxBufferedBytes;
  }

  private tooSlow(): void {
    this.counters.tooSlow++;
    // What waits is dropped: the client would not read it either.
    this.pending = undefined;
    this.pongs = undefined;
    this.socket.close(TRY_AGAIN_LATER, 'Too slow');
  }

  close(code: number, reason: string): void {
    this.flush();
    this.socket.close(code, reason);
  }
}
