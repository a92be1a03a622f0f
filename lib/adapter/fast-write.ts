import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

/** What is used of a `ws` socket beside its public API; a contract test pins it. */
interface Internals {
  readonly _socket?: Pick<Socket, 'write' | 'writable' | 'bytesRead'>;
  /** `_state` is 0, and `_queue` empty, while no earlier message is still being compressed or read. */
  readonly _sender?: { readonly _state: number; readonly _queue: readonly unknown[] };
}

/** Whether `ws` shall send what it is given as it is, for the socket's whole life: it negotiated no compression. */
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

/** Bytes that came over the TCP connection so far, pongs and all. Zero where `ws` does not say. */
export function bytesRead(socket: WebSocket): number {
  const { _socket: stream } = socket as unknown as Internals;
  return stream?.bytesRead ?? 0;
}
