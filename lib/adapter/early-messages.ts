import type { RawData, WebSocket } from 'ws';

type MessageListener = (this: WebSocket, data: RawData, isBinary: boolean) => void;

/**
 * The messages of a client from its handshake until its session reads them. `ws` may emit all messages that arrived in one
 * packet at once, even after the socket was paused.
 */
export class EarlyMessages {
  private readonly messages: [data: RawData, isBinary: boolean][] = [];

  /** @param first what is called with each message until {@link keep} */
  constructor(
    private readonly socket: WebSocket,
    private first: ((data: RawData, isBinary: boolean) => void) | undefined,
  ) {
    socket.on('message', this.onMessage);
  }

  isOf(socket: WebSocket): boolean {
    return socket === this.socket;
  }

  /** From now on, messages are kept. */
  keep(...messages: [data: RawData, isBinary: boolean][]): void {
    this.first = undefined;
    for (const message of messages) this.messages.push(message);
  }

  /** Passes all messages on to a listener, now and later. */
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
