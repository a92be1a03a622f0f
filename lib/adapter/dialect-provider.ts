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

/** A path whose clients a provider may serve. */
export interface ServedPath {
  /** The path, plus its port if it has its own, as routing uses it. */
  readonly key: string;
  /** The path of the URL, without a port. */
  readonly urlPath: string;
  readonly context: Gatekeeper & { readonly log: LimitedLog };
  /** The dialect of plain clients that request no subprotocol. */
  readonly plain: ClientDialect<Session>;
  /** The app's HTTP server; `undefined` if the path has a port of its own. */
  readonly http: AbstractHttpAdapter | undefined;
}

/**
 * Serves clients that do not speak a plain dialect, and introduce themselves with a handshake. Implemented by folders above
 * this one.
 */
export interface DialectProvider {
  /** Called once for each path, before the app's HTTP server listens. */
  serve(path: ServedPath): void;
  /** Decides by the upgrade request whether the client introduces itself; `undefined` if it is a plain client. */
  claim(path: string, request: IncomingMessage): Claim | undefined;
  /** Answers the HTTP requests of the gateways' own ports. Without it, or if it returns false, they are refused. */
  answer(...args: Parameters<RequestListener>): boolean;
  /** Called when all paths are known. Throws InvalidOptionsError if an option does not fit them. */
  checkPaths(): void;
  /** The app shuts down: connected clients are still served, but no new ones. */
  drain(): void;
  close(): void;
}

/** A client that introduces itself. */
export interface Claim {
  /** Whether the client resumes its session, if it turns out to be the client that it says it is. */
  isResumption(): boolean;
  /** Called when the client is admitted. Returns the HTTP status with which to refuse it after all, its id if it has one already, or the session that it resumes. */
  identify(
    admission: Admission,
  ):
    | { readonly status: number }
    | { readonly connectionId: string | undefined }
    | { readonly resumed: Session };
  /** Performs the handshake. Resolves with `undefined` if it fails: the socket is being closed then. Never rejects. */
  introduce(socket: WatchedSocket): Promise<Introduction | undefined>;
}

/** The result of a handshake. */
export interface Introduction {
  readonly dialect: ClientDialect<Session>;
  readonly early: EarlyMessages;
}
