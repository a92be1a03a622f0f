import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** What a client may send before it is admitted; more waits in the network. */
const MAX_EARLY_BYTES = 64 * 1024;

/**
 * A raw socket whose client waits for admission. It is read meanwhile, since only so a client that vanishes is
 * noticed; what comes is kept for later.
 */
export class WaitingSocket {
  private readonly early: Buffer[];
  private earlyBytes: number;

  constructor(
    private readonly socket: Duplex,
    head: Buffer,
  ) {
    this.early = [head];
    this.earlyBytes = head.length;
    socket.on('error', this.onError);
    socket.on('data', this.onData);
    socket.on('end', this.onEnd);
  }

  /** It vanished, or was refused. */
  get gone(): boolean {
    return this.socket.destroyed || this.socket.writableEnded;
  }

  /** Gives the socket back as it came. @returns what the client has sent already */
  release(): Buffer {
    this.socket.pause();
    this.socket.off('data', this.onData);
    this.socket.off('end', this.onEnd);
    this.socket.off('error', this.onError);
    return Buffer.concat(this.early);
  }

  /** Answers the upgrade with an HTTP status and ends the socket. */
  refuse(status: number): void {
    this.socket.off('data', this.onData);
    refuseUpgrade(this.socket, status);
  }

  private readonly onData = (bytes: Buffer): void => {
    this.early.push(bytes);
    this.earlyBytes += bytes.length;
    if (this.earlyBytes > MAX_EARLY_BYTES) this.socket.pause();
  };

  private readonly onEnd = (): void => {
    this.socket.destroy();
  };

  private readonly onError = (): void => undefined;
}

/** Answers an upgrade request with an HTTP status and ends the socket. */
export function refuseUpgrade(socket: Duplex, status: number): void {
  // A client that resets meanwhile is an error of a socket that nobody else listens to.
  socket.on('error', () => undefined);
  // What it has sent is read: unread, it would turn the end into a reset, which may overtake the answer.
  socket.resume();
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    () => socket.destroy(),
  );
}
