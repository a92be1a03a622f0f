import type { Duplex } from 'node:stream';
import type { RawData, WebSocket, WebSocketServer } from 'ws';
import { closeFrameReceived } from './fast-write.js';

/** The types of `ws` do not list `closeTimeout`, in milliseconds. */
type ClosingOptions = WebSocketServer['options'] & { readonly closeTimeout?: number };

/** The session of a client, as its socket sees it. */
export interface SocketOwner {
  /** Whether the client's messages are handled. */
  readonly acceptsMessages: boolean;
  /** Whether the client has announced, in a message, that it closes the connection. */
  readonly hasClientClosed: boolean;
  readonly sink: { pong(payload: Buffer): void };
  receive(data: RawData, isBinary: boolean): void;
  /** The client has sent its close frame. */
  dismiss(): void;
  /** This server closes the connection. */
  closing(): void;
  /** The client has ended its side of the TCP connection, without a close frame. */
  clientEnded(): void;
  /** The socket has failed. */
  failed(): void;
  closed(closeCode: number): void;
}

/** A `ws` socket that notifies its session when it begins to close. {@link watchSockets} makes a server create these. */
export interface WatchedSocket extends WebSocket {
  session?: SocketOwner | undefined;
  /** Called when the client has ended its side of the TCP connection. */
  clientEnded?(): void;
}

/** The TCP socket under a {@link WatchedSocket}. */
export interface UpgradedSocket extends Duplex {
  webSocket?: WatchedSocket;
}

/**
 * Makes the sockets of a server notify their sessions when they begin to close. `ws` only reports that a socket has closed,
 * which a client can delay by two seconds. Every closing calls `close` or `terminate`: by this library, by the app on the
 * raw socket, and by `ws` after the client's close frame or after a frame that violates the protocol.
 *
 * Also applies the option `closeTimeout`. Releases of `ws` before 8.19, on which Nest 11 depends before 11.1.12, ignore it and
 * wait for 30 seconds.
 */
export function watchSockets({ options }: WebSocketServer): void {
  const { WebSocket: Base, closeTimeout } = options as ClosingOptions;
  if (!Base)
    throw new TypeError(
      'This version of ws does not expose the class of its sockets. Use the version that @nestjs/platform-ws depends on.',
    );
  options.WebSocket = class extends Base implements WatchedSocket {
    session: SocketOwner | undefined;
    private closeTimer: NodeJS.Timeout | undefined;

    override close(code?: number, data?: string | Buffer): void {
      const isByClient =
        this.session?.hasClientClosed || (this.readyState === this.OPEN && closeFrameReceived(this));
      super.close(code, data);
      this.limitClosing();
      if (isByClient) this.session?.dismiss();
      else this.session?.closing();
    }

    override terminate(): void {
      super.terminate();
      this.session?.closing();
    }

    clientEnded(): void {
      super.close();
      this.limitClosing();
      this.session?.clientEnded();
    }

    /** Limits how long a client can delay the end of its socket by neither reading nor answering the close frame. */
    private limitClosing(): void {
      if (this.closeTimer || this.readyState !== this.CLOSING) return;
      this.closeTimer = setTimeout(() => super.terminate(), closeTimeout);
      this.once('close', () => clearTimeout(this.closeTimer));
    }
  };
}

/** These listeners serve all sockets. One closure per socket would take a tenth of the memory of an idle client. */
export function onSocketError(this: WatchedSocket): void {
  this.session?.failed();
}

export function onSocketMessage(this: WatchedSocket, data: RawData, isBinary: boolean): void {
  const { session } = this;
  if (session?.acceptsMessages) session.receive(data, isBinary);
}

export function onSocketClose(this: WatchedSocket, code: number): void {
  this.session?.closed(code);
}

export function onSocketPing(this: WatchedSocket, payload: Buffer): void {
  this.session?.sink.pong(payload);
}

/**
 * Replaces the `end` listener of `ws`. When the client ends its side of the TCP connection, that listener would end this
 * side without a time limit. A third listener in front of it would work too, but Node then keeps a list with 150 bytes of
 * spare capacity per socket.
 */
export function watchTcpEnd(socket: UpgradedSocket): void {
  const endOfWs = socket.listeners('end').at(-1) as TcpEndListener | undefined;
  if (!endOfWs) return;
  socket.off('end', endOfWs);
  socket.on('end', tcpEndListenerBefore(endOfWs));
}

type TcpEndListener = (this: UpgradedSocket) => void;

/** `ws` uses the same function for all its sockets, so one replacement is enough. */
const tcpEndListeners = new WeakMap<TcpEndListener, TcpEndListener>();

function tcpEndListenerBefore(endOfWs: TcpEndListener): TcpEndListener {
  const known = tcpEndListeners.get(endOfWs);
  if (known) return known;
  const listener: TcpEndListener = function () {
    this.webSocket?.clientEnded?.();
    endOfWs.call(this);
  };
  tcpEndListeners.set(endOfWs, listener);
  return listener;
}
