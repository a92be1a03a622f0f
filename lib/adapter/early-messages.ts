import type { RawData, WebSocket } from 'ws';

type MessageListener = (this: WebSocket, data: RawData, isBinary: boolean) => void;

/**
 * Keeps the messages that a client sends between its handshake and the moment its session reads them. Pausing the socket is
 * not enough, because `ws` may still emit the messages that arrived in the same packet.
 */
export class EarlyMessages {
  private readonly messages: [data: RawData, isBinary: boolean][] = [];

  /** @param first called with each message until {@link keep} or {@link drop} is called */
  constructor(
    private readonly socket: WebSocket,
    private first: ((data: RawData, isBinary: boolean) => void) | undefined,
  ) {
    socket.on('message', this.onMessage);
  }

  isOf(socket: WebSocket): boolean {
    return socket === this.socket;
  }

  /** Keeps these messages and all that arrive from now on. */
  keep(...messages: [data: RawData, isBinary: boolean][]): void {
    this.first = undefined;
    for (const message of messages) this.messages.push(message);
  }

  /** Drops these messages and all that arrive from now on. */
  drop(): void {
    this.socket.off('message', this.onMessage);
    this.messages.length = 0;
  }

  /** Passes the kept messages, and all later ones, to a listener. */
  handOver(listener: MessageListener): void {
    this.socket.off('message', this.onMessage);
    this.socket.on('message', listener);
    for (const [data, isBinary] of this.messages.splice(0)) listener.call(this.socket, data, isBinary);
  }

  private readonly onMessage = (data: RawData, isBinary: boolean): void => {
    if (this.first) this.first(data, isBinary);
    else this.messages.push([data, isBinary]);
  };
}
