import type { WebSocket } from 'ws';
import { ByteWriter } from '../protocol/byte-writer.js';
import { writeControl } from './fast-write.js';

/** A pong's opcode (RFC 6455, section 5.5.3) with the FIN bit set. */
const FIN_PONG = 0x8a;
const HEADER_BYTES = 2;

/**
 * Answers the pings of one client. At most one write is under way: what comes meanwhile waits in one buffer. A write for
 * each pong would cost some 400 bytes while it waits, for a pong that may have 2.
 */
export class PongWriter {
  /** Bytes of the pongs that the socket has not been given yet. */
  bytes = 0;
  private waiting: ByteWriter | undefined;
  private writing = false;

  constructor(private readonly socket: WebSocket) {}

  /** @param payload of the ping, at most 125 bytes: `ws` refuses longer ones */
  answer(payload: Buffer): void {
    this.bytes += HEADER_BYTES + payload.length;
    this.waiting ??= new ByteWriter(this.bytes);
    this.waiting.u8(FIN_PONG).u8(payload.length).raw(payload);
    if (!this.writing) this.write();
  }

  private write(): void {
    const { waiting, socket } = this;
    this.waiting = undefined;
    this.bytes = 0;
    if (!waiting || socket.readyState !== socket.OPEN) return;
    this.writing = true;
    writeControl(socket, waiting.finish(), this.written);
  }

  private readonly written = (): void => {
    this.writing = false;
    this.write();
  };
}
