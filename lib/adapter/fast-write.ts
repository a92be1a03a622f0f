import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

/** What is used of a `ws` socket beside its public API; a contract test pins it. */
interface Internals {
  readonly _socket?: Pick<Socket, 'write' | 'writable' | 'bytesRead'>;
  readonly _closeFrameReceived?: boolean;
  /** `_state` is 0, and `_queue` empty, while no earlier message is still being compressed or read. */
  readonly _sender?: { readonly _state: number; readonly _queue: readonly unknown[] };
}

/** Whether `ws` sends payloads unchanged for the socket's whole life, because it negotiated no compression. */
export function sendsAsIs(socket: WebSocket): boolean {
  return socket.extensions === '';
}

/**
 * Writes ready-made frames straight to the TCP socket of a connection that {@link sendsAsIs}: many messages in one write(2).
 *
 * @returns false, with nothing written, when `ws` may have frames of its own under way
 */
export function writeFrames(socket: WebSocket, wire: Buffer): boolean {
  const { _socket: stream, _sender: sender } = socket as unknown as Internals;
  if (!stream?.writable || sender?._state !== 0 || sender._queue.length > 0) return false;
  stream.write(wire);
  return true;
}

/**
 * Writes ready-made control frames to the TCP socket, whatever `ws` has under way: they may stand between the frames of
 * a message (RFC 6455, section 5.4), and are never compressed.
 *
 * @param written called when the socket has taken them, or has failed; not called when it can no longer be written to
 */
export function writeControl(socket: WebSocket, wire: Buffer, written: () => void): void {
  const { _socket: stream } = socket as unknown as Internals;
  if (stream?.writable) stream.write(wire, written);
}

/** Whether the client has sent its close frame. */
export function closeFrameReceived(socket: WebSocket): boolean {
  return (socket as unknown as Internals)._closeFrameReceived === true;
}

/** Bytes that came over the TCP connection so far, pongs and all. Zero where `ws` does not say. */
export function bytesRead(socket: WebSocket): number {
  const { _socket: stream } = socket as unknown as Internals;
  return stream?.bytesRead ?? 0;
}
