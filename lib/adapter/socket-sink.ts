import type { WebSocket } from 'ws';
import type { ClientFrame } from '../protocol/client-frame.js';
import type { EdgeCounters } from '../broadcast/edge-counters.js';
import type { ClientDialect } from './client-dialect.js';
import { onceDrained, sendsAsIs, writeFrames } from './fast-write.js';
import type { PendingFrames } from './pending-frames.js';
import { PongWriter } from './pong-writer.js';
import type { SessionSink } from './session-sink.js';
import type { TurnWriter } from './turn-writer.js';

/** Beyond this many unsent bytes, a socket gets no volatile messages and pausable sources pause. */
const VOLATILE_LIMIT_BYTES = 64 * 1024;

const TRY_AGAIN_LATER = 1013;

/** Writes to one socket, and closes it if the client reads too slowly. */
export class SocketSink implements SessionSink {
  private pending: PendingFrames | undefined;
  /** Created with the first ping, because browsers and most other clients send none. */
  private pongs: PongWriter | undefined;
  /** Whether too many bytes are waiting. If so, all further frames are dropped and `flush` closes the socket. */
  private full = false;
  private readonly sendsAsIs: boolean;

  constructor(
    private readonly socket: WebSocket,
    private readonly writer: TurnWriter,
    private readonly dialect: Pick<ClientDialect<never>, 'closeMessage'>,
    private readonly maxBufferedBytes: number,
    private readonly counters: EdgeCounters,
  ) {
    this.sendsAsIs = sendsAsIs(socket);
  }

  write(frame: ClientFrame, volatile: boolean): void {
    if (this.full) return;
    // Only volatile frames check the socket before `flush`, because in a fan-out that check would double the cost.
    if (volatile && this.isSlow) {
      this.counters.volatileDropped++;
      return;
    }
    const { pending } = this;
    if (pending && pending.bytes > this.maxBufferedBytes) {
      // Closing the socket here would change the set of recipients in the middle of a delivery.
      this.full = true;
      return;
    }
    this.pending = this.writer.append(this, pending, frame);
  }

  /** Whether too many bytes are waiting. If so, the connection is closed at the end of the turn. */
  get isFull(): boolean {
    return this.full;
  }

  get isSlow(): boolean {
    const { unsent } = this;
    return unsent > VOLATILE_LIMIT_BYTES || unsent + (this.pending?.bytes ?? 0) > this.maxBufferedBytes;
  }

  /** How many bytes are waiting for the client, not counting the frames that wait for the end of the turn. */
  private get unsent(): number {
    return this.socket.bufferedAmount + (this.pongs?.bytes ?? 0);
  }

  /** Whether so many bytes are waiting that a source should pause if it can. */
  get isBehind(): boolean {
    return this.unsent + (this.pending?.bytes ?? 0) > VOLATILE_LIMIT_BYTES;
  }

  /** Flushes. Resolves when the client has read most of the waiting bytes or the socket has closed, but not in this turn. */
  async drained(): Promise<void> {
    this.flush();
    do await new Promise<void>((resolve) => onceDrained(this.socket, resolve));
    while (this.socket.readyState === this.socket.OPEN && this.isBehind);
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
      // A socket that cannot be written to is useless to its client, and its error must not affect other clients.
      socket.terminate();
    }
  }

  /** Sends a pong. It counts like any other write, so a client that pings without reading the pongs is too slow. */
  pong(payload: Buffer): void {
    const { socket } = this;
    if (socket.readyState !== socket.OPEN) return;
    if (this.exceedsWith((this.pending?.bytes ?? 0) + payload.length)) return this.tooSlow();
    this.pongs ??= new PongWriter(socket);
    this.pongs.answer(payload);
  }

  /** Whether a write would exceed the limit. A single write may, if nothing else is waiting. */
  private exceedsWith(bytes: number): boolean {
    const { unsent } = this;
    return unsent > 0 && unsent + bytes > this.maxBufferedBytes;
  }

  private tooSlow(): void {
    this.counters.tooSlow++;
    // Drops the waiting frames, because the client would not read them either.
    this.pending = undefined;
    this.pongs = undefined;
    this.closeSocket(TRY_AGAIN_LATER, 'Too slow');
  }

  close(code: number, reason: string): void {
    this.flush();
    this.closeSocket(code, reason);
  }

  private closeSocket(code: number, reason: string): void {
    const { socket } = this;
    const message = socket.readyState === socket.OPEN && this.dialect.closeMessage(code, reason);
    if (message) socket.send(message.payload, { binary: message.binary });
    socket.close(code, reason);
  }
}
