import type { WebSocket } from 'ws';
import { ByteWriter } from '../protocol/byte-writer.js';
import { writeControl } from './fast-write.js';

/** The opcode of a pong (RFC 6455, section 5.5.3) with the FIN bit set. */
const FIN_PONG = 0x8a;
const HEADER_BYTES = 2;

/**
 * Sends the pongs of one client. Only one write is in progress at a time; pongs that are due in the meantime are collected
 * in one buffer. With one write per pong, each pending write would take about 400 bytes for a pong of as little as 2 bytes.
 */
export class PongWriter {
  /** The size of the pongs that have not been written to the socket yet. */
  bytes = 0;
  private waiting: ByteWriter | undefined;
  private isWriting = false;

  constructor(private readonly socket: WebSocket) {}

  /** @param payload the payload of the ping; `ws` has checked that it is at most 125 bytes */
  answer(payload: Buffer): void {
    this.bytes += HEADER_BYTES + payload.length;
    this.waiting ??= new ByteWriter(this.bytes);
    this.waiting.u8(FIN_PONG).u8(payload.length).raw(payload);
    if (!this.isWriting) this.write();
  }

  private write(): void {
    const { waiting, socket } = this;
    this.waiting = undefined;
    this.bytes = 0;
    if (!waiting || socket.readyState !== socket.OPEN) return;
    this.isWriting = true;
    writeControl(socket, waiting.finish(), this.onWritten);
  }

  private readonly onWritten = (): void => {
    this.isWriting = false;
    this.write();
  };
}
