import type { Redis } from 'ioredis';

// ioredis handles only the first error of a socket, but a TLS socket can emit two: a record that it cannot read and
// then a reset, or a refused certificate and then an aborted handshake. Without a listener, the second error would
// crash the process: https://github.com/redis/ioredis/pull/962

/** Handles every error of a connected socket, so that none of them crashes the process. */
export function absorbErrors(stream: Redis['stream']): void {
  stream.on('error', ignore);
}

/** Undoes one call of {@link absorbErrors}. */
export function stopAbsorbingErrors(stream: Redis['stream']): void {
  stream.off('error', ignore);
}

/**
 * How long ioredis waits before it destroys the socket of a closed client. `endClient` destroys the socket itself.
 * The default, two seconds, would keep a timer running even if there is no socket, for example between two attempts
 * to connect.
 */
export const DISCONNECT_TIMEOUT_MS = 1;

/** A client in any state. Before its first attempt to connect it has no stream, although the types of ioredis say so. */
interface AnyClient {
  readonly stream?: Redis['stream'];
  disconnect(): void;
}

/** Closes the client and destroys its socket at once, in any state. */
export function endClient(client: AnyClient): void {
  client.disconnect();
  // A socket that is destroyed while it connects may still emit an error, and ioredis no longer listens.
  client.stream?.on('error', ignore);
  client.stream?.destroy();
}

/** The client itself reports the first error. */
function ignore(): void {}
