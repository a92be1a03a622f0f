import type { Duplex } from 'node:stream';
import type { WebSocket, WebSocketServer } from 'ws';
import { closeFrameReceived } from './fast-write.js';
import type { Session } from './session.js';

/** A `ws` socket that tells its session when it begins to close. Only those of {@link watchSockets} have these members. */
export interface WatchedSocket extends WebSocket {
  session?: Session | undefined;
  /** The client has ended its side of the TCP connection. */
  clientEnded?(): void;
}

/** The TCP socket below it. */
export interface UpgradedSocket extends Duplex {
  webSocket?: WatchedSocket;
}

/**
 * Makes the sockets of a server tell their sessions that they begin to close. `ws` itself tells when they have closed,
 * which a client can put off by two seconds. All ways lead through `close` or `terminate`: our own closing, that of the
 * app on the raw socket, the answer to the client's close frame, and that to a frame which breaks the protocol.
 */
export function watchSockets({ options }: WebSocketServer): void {
  const { WebSocket: Base } = options;
  if (!Base)
    throw new TypeError(
      'This version of ws does not name the class of its sockets: use the one of @nestjs/platform-ws.',
    );
  options.WebSocket = class extends Base implements WatchedSocket {
    session: Session | undefined;

    override close(code?: number, data?: string | Buffer): void {
      const byClient = this.readyState === this.OPEN && closeFrameReceived(this);
      super.close(code, data);
      if (byClient) this.session?.dismiss();
      else this.session?.closing();
    }

    override terminate(): void {
      super.terminate();
      this.session?.closing();
    }

    clientEnded(): void {
      // With our close frame on its way, `ws` limits how long it waits for what the client has not read yet.
      super.close();
      this.session?.dismiss();
    }
  };
}

/** The listeners of all sockets: one closure for each would be a tenth of what an idle client holds. */
export function onSocketError(this: WatchedSocket): void {
  this.session?.closing();
}

export function onSocketClose(this: WatchedSocket, code: number): void {
  this.session?.closed(code);
}

export function onSocketPing(this: WatchedSocket, payload: Buffer): void {
  this.session?.sink.pong(payload);
}

/**
 * Replaces the listener of `ws` for the end of the client's side, which would end ours without a limit of time. Replaced
 * rather than preceded: a third listener makes Node keep a list with 150 bytes of spare room for each socket.
 */
export function watchTcpEnd(socket: UpgradedSocket): void {
  const endOfWs = socket.listeners('end').at(-1) as TcpEndListener | undefined;
  if (!endOfWs) return;
  socket.off('end', endOfWs);
  socket.on('end', tcpEndListenerBefore(endOfWs));
}

type TcpEndListener = (this: UpgradedSocket) => void;

/** `ws` uses the same function for all its sockets, so that one of ours is enough, too. */
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
