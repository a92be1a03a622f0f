import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * A raw socket whose client is waiting for admission.
 *
 * The socket is read until the first bytes arrive, because otherwise a client that disconnects would go unnoticed. These
 * bytes are put back for `ws`. A stream does not end before it has been read, so if a client sends messages and closes
 * at once, all of them are read after the upgrade. Until then, Node reads only as much as fits into the socket's buffer.
 */
export class WaitingSocket {
  constructor(
    private readonly socket: Duplex,
    head: Buffer,
  ) {
    socket.on('error', this.onError);
    if (head.length > 0) {
      this.putBack(head);
    } else {
      socket.on('data', this.onData);
      socket.on('end', this.onEnd);
    }
  }

  /** Whether the client has disconnected or was refused. */
  get isGone(): boolean {
    return this.socket.destroyed || this.socket.writableEnded;
  }

  /** Stops watching the socket and leaves it paused, with all bytes that the client has already sent. */
  release(): void {
    this.socket.pause();
    this.stopListening();
    this.socket.off('error', this.onError);
  }

  /** Answers the upgrade with an HTTP status and ends the socket. */
  refuse(status: number): void {
    this.stopListening();
    refuseUpgrade(this.socket, status);
  }

  private putBack(bytes: Buffer): void {
    this.socket.pause();
    this.socket.unshift(bytes);
  }

  private stopListening(): void {
    this.socket.off('data', this.onData);
    this.socket.off('end', this.onEnd);
  }

  private readonly onData = (bytes: Buffer): void => {
    this.stopListening();
    this.putBack(bytes);
  };

  private readonly onEnd = (): void => {
    this.socket.destroy();
  };

  private readonly onError = (): void => undefined;
}

/** Answers an upgrade request with an HTTP status and ends the socket. */
export function refuseUpgrade(socket: Duplex, status: number): void {
  // The client may reset the connection now. Without a listener, that error would crash the process.
  socket.on('error', () => undefined);
  // If received bytes stay unread, closing the socket resets the connection, and the reset may overtake the response.
  socket.resume();
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    () => socket.destroy(),
  );
}
