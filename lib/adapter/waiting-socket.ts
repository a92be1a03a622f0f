import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * A raw socket whose client waits for admission. It is read until the first bytes come, because only then a client that
 * closes without having said anything is noticed. What comes is put back: a stream does not end before it has been read,
 * so a client that sends its messages and closes at once is read to the end once its socket is upgraded. While they are
 * there, Node reads no more than fits the socket's own buffer; the rest waits in the network.
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

  /** It vanished, or was refused. */
  get gone(): boolean {
    return this.socket.destroyed || this.socket.writableEnded;
  }

  /** Gives the socket back, paused, with all that the client has sent already. */
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
  // A client that resets meanwhile is an error of a socket that nobody else listens to.
  socket.on('error', () => undefined);
  // What it has sent is read: unread, it would turn the end into a reset, which may overtake the answer.
  socket.resume();
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    () => socket.destroy(),
  );
}
