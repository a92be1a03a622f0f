import { connect, type Socket } from 'node:net';
import { groupAt, MARK, microseconds, numberAt, timeAt } from './message.js';

const HANDSHAKE_END = Buffer.from('\r\n\r\n');
/** Shorter texts are Socket.IO's own packets, not messages of the bench. */
const SHORTEST_MESSAGE = 40;
/** The query of a client that sends the handshake of SignalR. */
export const SIGNALR_QUERY = 'dialect=signalr';
const SIGNALR_HANDSHAKE = '{"protocol":"json","version":1}\u001e';
const SIGNALR_ACCEPTED = '{}\u001e';
const TEXT = 1;
const PING = 9;
const READ_BYTES = 256 * 1024;
/** Shared by all sockets, because bytes are parsed before the next read. */
const readBuffer = Buffer.allocUnsafe(READ_BYTES);
/** Latency is sampled from one message in this many, because taking it costs more than counting. */
const SAMPLE_EVERY = 50;

export interface LoadTarget {
  readonly port: number;
  readonly urlPath: string;
  readonly index: number;
}

/** Counts shared by all sockets of a contestant. */
export class LoadCounts {
  messages = 0;
  bytes = 0;
  /** Messages whose number does not follow the previous one of their group. */
  gaps = 0;
  /** Connections that closed unexpectedly. */
  lost = 0;
  /** Sampled, in microseconds. */
  latencies: number[] = [];
  onMessages: () => void = () => undefined;
}

/** A client on a raw TCP socket that counts messages and checks the number of each. */
export class LoadSocket {
  readonly opened: Promise<void>;
  private readonly socket: Socket;
  private rest: Buffer | undefined;
  private upgraded = false;
  private markAt = -1;
  /** The last number of each group. */
  readonly numbers = new Map<number, number>();
  private ending = false;
  private onOpened: () => void = () => undefined;

  constructor(
    { port, urlPath, index }: LoadTarget,
    private readonly counts: LoadCounts,
  ) {
    const separator = urlPath.includes('?') ? '&' : '?';
    const onread = {
      buffer: readBuffer,
      callback: (size: number, bytes: Uint8Array): boolean => {
        this.read(bytes as Buffer, size);
        return true;
      },
    };
    this.socket = connect({ port, host: '127.0.0.1', onread });
    this.socket.setNoDelay(true);
    this.socket.write(
      `GET ${urlPath}${separator}index=${index} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    this.opened = new Promise((resolve, reject) => {
      this.onOpened = resolve;
      this.socket.on('error', reject);
      this.socket.on('close', () => {
        if (!this.ending) this.counts.lost++;
        reject(new Error(`The connection to ${urlPath} closed.`));
      });
    });
    this.opened.catch(() => undefined);
    this.isSocketIo = urlPath.includes('EIO=');
    this.isSignalR = urlPath.includes(SIGNALR_QUERY);
  }

  private readonly isSocketIo: boolean;
  private readonly isSignalR: boolean;

  /** Closes with a TCP reset, so that the port is free at once. */
  end(): void {
    this.ending = true;
    this.socket.resetAndDestroy();
  }

  private read(chunk: Buffer, size: number): void {
    const fresh = chunk.subarray(0, size);
    const bytes = this.rest ? Buffer.concat([this.rest, fresh]) : fresh;
    this.rest = undefined;
    const from = this.upgraded ? 0 : this.handshake(bytes);
    const end = from < 0 ? 0 : this.frames(bytes, from);
    if (end < bytes.length) this.rest = Buffer.from(bytes.subarray(end));
    this.counts.bytes += size;
    this.counts.onMessages();
  }

  /** @returns where the frames begin, or -1 if the response is not complete yet */
  private handshake(bytes: Buffer): number {
    const end = bytes.indexOf(HANDSHAKE_END);
    if (end < 0) return -1;
    if (!bytes.toString('latin1', 0, end).includes(' 101 '))
      throw new Error(bytes.toString('latin1', 0, end));
    this.upgraded = true;
    if (this.isSignalR) this.send(TEXT, Buffer.from(SIGNALR_HANDSHAKE));
    else if (!this.isSocketIo) this.onOpened();
    return end + HANDSHAKE_END.length;
  }

  /** @returns where the first incomplete frame begins */
  private frames(bytes: Buffer, from: number): number {
    let at = from;
    while (at + 2 <= bytes.length) {
      const short = (bytes[at + 1] as number) & 0x7f;
      const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10);
      if (start > bytes.length) return at;
      const length =
        short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUIntBE(at + 4, 6);
      if (start + length > bytes.length) return at;
      this.frame(bytes, (bytes[at] as number) & 0x0f, start, length);
      at = start + length;
    }
    return at;
  }

  private frame(bytes: Buffer, opcode: number, start: number, length: number): void {
    if (opcode === TEXT && length >= SHORTEST_MESSAGE) this.message(bytes, start, length);
    else if (opcode === TEXT) this.handshakePacket(bytes.toString('latin1', start, start + length));
    else if (opcode === PING) this.send(0x0a, bytes.subarray(start, start + length));
  }

  private message(bytes: Buffer, start: number, length: number): void {
    if (this.markAt < 0) {
      const found = bytes.subarray(start, start + length).indexOf(MARK);
      // A long packet of Socket.IO's own, which can only come before the first message.
      if (found < 0) return this.handshakePacket(bytes.toString('latin1', start, start + length));
      this.markAt = found + MARK.length;
    }
    const at = start + this.markAt;
    const group = groupAt(bytes, at);
    const number = numberAt(bytes, at);
    const last = this.numbers.get(group);
    if (last !== undefined && number !== last + 1) this.counts.gaps++;
    this.numbers.set(group, number);
    if (++this.counts.messages % SAMPLE_EVERY === 0)
      this.counts.latencies.push(microseconds() - timeAt(bytes, at));
  }

  private handshakePacket(packet: string): void {
    if (this.isSocketIo) this.socketIo(packet);
    else if (packet === SIGNALR_ACCEPTED) this.onOpened();
  }

  /** Replies to packets of Engine.IO and Socket.IO: https://socket.io/docs/v4/engine-io-protocol/ */
  private socketIo(packet: string): void {
    if (packet.startsWith('0')) this.send(TEXT, Buffer.from('40'));
    else if (packet.startsWith('40')) this.onOpened();
    else if (packet === '2') this.send(TEXT, Buffer.from('3'));
  }

  /** A client must mask its frames. A mask of zeros leaves the payload unchanged. */
  private send(opcode: number, payload: Buffer): void {
    this.socket.write(
      Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload]),
    );
  }
}
