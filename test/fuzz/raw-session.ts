import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { decode } from '@msgpack/msgpack';
import type { PayloadLimits } from '../../lib/protocol/payload-limits.js';
import { scanMsgpack } from '../../lib/protocol/scan-msgpack.js';
import type { ProtocolName } from './client-messages.js';

const HEADER_END = Buffer.from('\r\n\r\n');
/** How long to wait for a busy server. After that the case continues without the reply. */
const PATIENCE_MS = 500;
const POLL_MS = 5;
const READABLE: PayloadLimits = { maxDepth: 200, maxElements: 1_000_000 };
const MAX_REMEMBERED = 200;
const KEPT_CHARACTERS = 2000;

/** The parts of a server's message that a hostile client uses. */
interface ServerFrame {
  readonly event?: unknown;
  readonly data?: unknown;
  readonly id?: unknown;
}

/** A hostile client. It writes any bytes and parses just enough of the replies to abuse them. */
export class RawSession {
  readonly closed: Promise<void>;
  /** Ids of received invokes that this client has not replied to yet. */
  readonly invokes: string[] = [];
  /** The connection's id, once the server has sent it. */
  connectionId: string | undefined;
  isClosed = false;
  /** The last bytes received, as Latin-1 text: one character per byte. */
  received = '';
  /** Whether the server's close frame has arrived. */
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

  /** Resolves once the bytes are sent, the server has disconnected the client, or the wait times out. */
  async drained(bytes: Buffer): Promise<void> {
    this.write(bytes);
    await this.until(() => this.socket.writableLength === 0);
  }

  stopReading(): void {
    this.socket.pause();
  }

  /** Sends the bytes followed by a FIN, in one TCP segment if they fit. */
  finish(bytes: Buffer = Buffer.alloc(0)): void {
    if (this.socket.writable) this.socket.end(bytes);
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Polls until `holds` returns true, the server disconnects the client, or the wait times out. */
  async until(holds: () => boolean, patienceMs = PATIENCE_MS): Promise<boolean> {
    for (
      const deadline = performance.now() + patienceMs;
      performance.now() < deadline;
      await delay(POLL_MS)
    ) {
      if (holds()) return true;
      if (this.isClosed) return false;
    }
    return holds();
  }

  /** Gives the server `graceMs` to close the connection, then destroys the socket. */
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

  /** Parses frames without a mask because servers do not mask. */
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

/** Scans first because a forged record can claim millions of elements, for which the decoder would allocate memory. */
function decodedMsgpack(payload: Buffer): unknown {
  return scanMsgpack(payload, READABLE) === undefined ? decode(payload) : undefined;
}
