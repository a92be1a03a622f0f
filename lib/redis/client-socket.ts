import type { Redis } from 'ioredis';

// ioredis hears one error of a socket, and TLS may have two to tell: of a record that cannot be read and then of a
// reset, or of a certificate and then of a handshake that was given up. The second one, unheard, would end the
// process: https://github.com/redis/ioredis/pull/962

/** Listens to all errors of a socket that is connected, so that none of them ends the process. */
export function hearErrors(stream: Redis['stream']): void {
  stream.on('error', ignore);
}

/** Takes back one call of `hearErrors`. */
export function ignoreErrors(stream: Redis['stream']): void {
  stream.off('error', ignore);
}

/**
 * What `endClient` ends is destroyed at once. ioredis would wait two seconds before it does so itself, and its timer
 * goes on for as long where there is no socket any more: between two attempts to connect, say.
 */
export const DISCONNECT_TIMEOUT_MS = 1;

/** An ioredis client as it is: until its first attempt to connect it has no stream, whatever its own type says. */
interface AnyClient {
  readonly stream?: Redis['stream'];
  disconnect(): void;
}

/** Ends the client and its socket at once, in whatever state they are. */
export function endClient(client: AnyClient): void {
  client.disconnect();
  // A socket that is given up while it opens may still fail, and nobody else listens to it any more.
  client.stream?.on('error', ignore);
  client.stream?.destroy();
}

/** The client tells the first error. */
function ignore(): void {}
