import type { WebSocket } from 'ws';
import type { ClientFrame } from '../protocol/client-frame.js';
import type { ConnectionSink } from '../routing/local-connection.js';
import { writeFrames } from './fast-write.js';
import type { PendingFrames } from './pending-frames.js';
import type { TurnWriter } from './turn-writer.js';

/** A socket with so many bytes unsent is slow enough to go without volatile messages. */
const VOLATILE_LIMIT_BYTES = 64 * 1024;

/** The writing end of one socket. */
export class SocketSink implements ConnectionSink {
  private pending: PendingFrames | undefined;

  constructor(
    private readonly socket: WebSocket,
    private readonly writer: TurnWriter,
  ) {}

  write(frame: ClientFrame, volatile: boolean): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    if (volatile && this.socket.bufferedAmount > VOLATILE_LIMIT_BYTES) return;
    this.pending = this.writer.append(this, this.pending, frame);
  }

  flush(): void {
    const { pending, socket } = this;
    this.pending = undefined;
    if (!pending || socket.readyState !== socket.OPEN) return;
    if (writeFrames(socket, pending.wire)) return;
    for (const { payload, binary } of pending.list()) socket.send(payload, { binary });
  }

  close(code: number, reason: string): void {
    this.flush();
    this.socket.close(code, reason);
  }
}
