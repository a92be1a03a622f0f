import type { IncomingMessage, RequestListener } from 'node:http';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { Admission } from '../options/authenticate.js';
import type { ClientDialect } from './client-dialect.js';
import type { EarlyMessages } from './early-messages.js';
import type { LimitedLog } from '../broadcast/limited-log.js';
import type { Gatekeeper } from './admission.js';
import type { Session } from './session.js';
import type { WatchedSocket } from './watched-socket.js';

export const DIALECT_PROVIDER = Symbol('DIALECT_PROVIDER');

/** A path on which a provider may serve clients. */
export interface ServedPath {
  /** The path as routing names it: with its port if it has its own. */
  readonly key: string;
  /** The path of the URL, without a port. */
  readonly urlPath: string;
  readonly context: Gatekeeper & { readonly log: LimitedLog };
  /** The dialect of plain clients that request no subprotocol. */
  readonly plain: ClientDialect<Session>;
  /** The app's HTTP adapter; `undefined` if the path has a port of its own. */
  readonly http: AbstractHttpAdapter | undefined;
}

/**
 * Serves clients that do not speak a plain dialect. Such a client introduces itself: it performs a handshake before its
 * session begins. Implemented in folders above this one, such as `signalr/`.
 */
export interface DialectProvider {
  /** Called once per path, before the app's HTTP server listens. */
  serve(path: ServedPath): void;
  /** Decides from the upgrade request whether the client introduces itself. Returns `undefined` for a plain client. */
  claim(path: string, request: IncomingMessage): Claim | undefined;
  /** Answers an HTTP request on a gateway's own port. Returns false for a request that must be refused. */
  answer(...args: Parameters<RequestListener>): boolean;
  /** Called when all paths are known. Throws InvalidOptionsError if an option names a path that is not served. */
  checkPaths(): void;
  /** Called when the app begins to shut down. Connected clients are still served, but no new ones. */
  drain(): void;
  close(): void;
}

/** How a provider handles one client that introduces itself. */
export interface Claim {
  /** Whether the client may turn out to be a plain one. */
  readonly mayBePlain: boolean;
  /** The session that the client asks to resume, if any. Only `identify` verifies that it may. */
  sessionToResume(): Session | undefined;
  /**
   * Called when the client is admitted.
   *
   * @returns the HTTP status with which to refuse the client after all, the id that it already has (`undefined` for a new
   * one), or the session that it resumes
   */
  identify(
    admission: Admission,
  ):
    | { readonly status: number }
    | { readonly connectionId: string | undefined }
    | { readonly resumed: Session };
  /** Performs the handshake. Resolves with `undefined` if it fails; the socket is then closing. Never rejects. */
  introduce(socket: WatchedSocket): Promise<Introduction | undefined>;
}

/** The result of a handshake. */
export interface Introduction {
  readonly dialect: ClientDialect<Session>;
  readonly early: EarlyMessages;
}
