import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

/** The private members of a `ws` socket that this file uses. A contract test pins them. */
interface Internals {
  readonly _socket?: Pick<Socket, 'write' | 'writable' | 'bytesRead' | 'writableNeedDrain' | 'once' | 'off'>;
  readonly _closeFrameReceived?: boolean;
  /** `_state` is 0 and `_queue` is empty unless an earlier message is still being compressed or read from a Blob. */
  readonly _sender?: { readonly _state: number; readonly _queue: readonly unknown[] };
}

/** Whether `ws` sends all payloads of the socket unchanged, because it negotiated no compression. */
export function sendsAsIs(socket: WebSocket): boolean {
  return socket.extensions === '';
}

/**
 * Writes encoded frames directly to the TCP socket, many of them in one write(2). Only for sockets that {@link sendsAsIs}.
 *
 * @returns false, with nothing written, if `ws` may be in the middle of sending a message
 */
export function writeFrames(socket: WebSocket, wire: Buffer): boolean {
  const { _socket: stream, _sender: sender } = socket as unknown as Internals;
  if (!stream?.writable || sender?._state !== 0 || sender._queue.length > 0) return false;
  stream.write(wire);
  return true;
}

/**
 * Writes encoded control frames to the TCP socket, even while `ws` is sending a message. They may come between the frames
 * of a message (RFC 6455, section 5.4), and are never compressed.
 *
 * @param written called when the socket has written them or has failed; not called if it is no longer writable
 */
export function writeControl(socket: WebSocket, wire: Buffer, written: () => void): void {
  const { _socket: stream } = socket as unknown as Internals;
  if (stream?.writable) stream.write(wire, written);
}

/** Calls back once when the TCP socket takes more bytes or has closed; in the next turn of the event loop if it takes more now. */
export function onceDrained(socket: WebSocket, callback: () => void): void {
  const { _socket: stream } = socket as unknown as Internals;
  if (!stream?.writableNeedDrain) {
    setImmediate(callback);
    return;
  }
  const done = (): void => {
    stream.off('drain', done);
    stream.off('close', done);
    callback();
  };
  stream.once('drain', done);
  stream.once('close', done);
}

/** Whether the client has sent its close frame. */
export function closeFrameReceived(socket: WebSocket): boolean {
  return (socket as unknown as Internals)._closeFrameReceived === true;
}

/** How many bytes the TCP connection has received, including control frames. Zero if `ws` does not expose its socket. */
export function bytesRead(socket: WebSocket): number {
  const { _socket: stream } = socket as unknown as Internals;
  return stream?.bytesRead ?? 0;
}
