import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { decode } from '@msgpack/msgpack';
import type { PayloadLimits } from '../../lib/protocol/payload-limits.js';
import { scanMsgpack } from '../../lib/protocol/scan-msgpack.js';
import type { ProtocolName } from './client-messages.js';

const HEADER_END = Buffer.from('\r\n\r\n');
/** A server that has not answered by then is busy with other cases: this one goes on without the answer. */
const PATIENCE_MS = 500;
const LOOK_MS = 5;
const READABLE: PayloadLimits = { maxDepth: 200, maxElements: 1_000_000 };
const MAX_REMEMBERED = 200;
const KEPT_CHARACTERS = 2000;

/** What the server sends, as far as a hostile client needs to know. */
interface ServerFrame {
  readonly event?: unknown;
  readonly data?: unknown;
  readonly id?: unknown;
}

/** A client without manners: it writes whatever bytes it is given, and understands just enough to abuse the answers. */
export class RawSession {
  readonly closed: Promise<void>;
  /** Ids of invokes that this client was sent and may reply to. */
  readonly invokes: string[] = [];
  /** What the server calls this connection, once it has said so. */
  connectionId: string | undefined;
  isClosed = false;
  /** The last part of what came, a character for each byte. */
  received = '';
  /** The server's close frame has come. */
  isDismissed = false;
  private unread = Buffer.alloc(0);
  private isUpgraded = false;

  private constructor(
    private readonly socket: Socket,
    readonly protocol: ProtocolName,
  ) {
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.isClosed = true;
        resolve();
      }),
    );
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => this.read(bytes));
  }

  static open(port: number, protocol: ProtocolName): RawSession {
    return new RawSession(connect({ port, host: '127.0.0.1', allowHalfOpen: true }), protocol);
  }

  write(bytes: string | Buffer): void {
    if (this.socket.writable) this.socket.write(bytes);
  }

  /** Resolves when the bytes are on their way, the client is cut off, or patience ends: the server may not read. */
  async drained(bytes: Buffer): Promise<void> {
    this.write(bytes);
    await this.until(() => this.socket.writableLength === 0);
  }

  stopReading(): void {
    this.socket.pause();
  }

  /** FIN after the bytes, in one segment where they fit into one. */
  finish(bytes: Buffer = Buffer.alloc(0)): void {
    if (this.socket.writable) this.socket.end(bytes);
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Waits until it is so, the client is cut off, or patience ends. */
  async until(holds: () => boolean, patienceMs = PATIENCE_MS): Promise<boolean> {
    for (
      const deadline = performance.now() + patienceMs;
      performance.now() < deadline;
      await delay(LOOK_MS)
    ) {
      if (holds()) return true;
      if (this.isClosed) return false;
    }
    return holds();
  }

  /** Gives the server a moment, then leaves no socket behind, whatever it does. */
  async end(graceMs: number): Promise<void> {
    await Promise.race([this.closed, delay(graceMs)]);
    this.socket.destroy();
    await this.closed;
  }

  private read(bytes: Buffer): void {
    this.received = (this.received + bytes.toString('latin1')).slice(-KEPT_CHARACTERS);
    this.unread = Buffer.concat([this.unread, bytes]);
    if (!this.isUpgraded) {
      const end = this.unread.indexOf(HEADER_END);
      if (end < 0) return;
      this.isUpgraded = true;
      this.unread = this.unread.subarray(end + HEADER_END.length);
    }
    this.readFrames();
  }

  /** A server's frames are not masked. */
  private readFrames(): void {
    for (;;) {
      const [first, second] = this.unread;
      if (first === undefined || second === undefined) return;
      const width = second === 127 ? 8 : second === 126 ? 2 : 0;
      if (this.unread.length < 2 + width) return;
      const length =
        width === 8
          ? Number(this.unread.readBigUInt64BE(2))
          : width === 2
            ? this.unread.readUInt16BE(2)
            : second;
      const end = 2 + width + length;
      if (this.unread.length < end) return;
      this.take(first & 15, this.unread.subarray(2 + width, end));
      this.unread = this.unread.subarray(end);
    }
  }

  private take(opcode: number, payload: Buffer): void {
    if (opcode === 8) this.isDismissed = true;
    const message = decoded(opcode, payload);
    if (!message) return;
    if (
      message.event === 'question' &&
      typeof message.id === 'string' &&
      this.invokes.length < MAX_REMEMBERED
    )
      this.invokes.push(message.id);
    if (message.event === 'who' && typeof message.data === 'string') this.connectionId = message.data;
  }
}

function decoded(opcode: number, payload: Buffer): ServerFrame | undefined {
  try {
    const message: unknown =
      opcode === 1 ? JSON.parse(payload.toString()) : opcode === 2 ? decodedMsgpack(payload) : undefined;
    return typeof message === 'object' && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}

/** A forged record can bring a client bytes that claim millions of elements, and the decoder would make room for them. */
function decodedMsgpack(payload: Buffer): unknown {
  return scanMsgpack(payload, READABLE) === undefined ? decode(payload) : undefined;
}
