import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { MAX_TIMER_MS } from '../protocol/timer-limit.js';

/** Where a client of SignalR negotiates instead. */
export interface SignalRRedirect {
  /** The absolute URL of a gateway. */
  readonly url: string;
  /** The token that the client uses there, in place of its own. */
  readonly accessToken?: string;
}

/** How SignalR clients are served. */
export interface SignalROptions {
  /**
   * The gateway paths that serve SignalR clients, beside plain clients.
   *
   * @default all paths
   */
  paths?: readonly string[];

  /**
   * Also serves clients that skip the negotiation. The first message of a client that did not negotiate then decides
   * whether it is a SignalR client, so a plain client is admitted with its first message, or after `handshakeTimeout`. Plain
   * clients that request a subprotocol do not wait.
   *
   * @default false: whoever does not negotiate is a plain client
   */
  skipNegotiation?: boolean;

  /**
   * How often a client gets a ping, in milliseconds. Clients close the connection if they receive nothing for their
   * `serverTimeout`, which is 30 s by default, so it must be less than half of that.
   *
   * @default 15000, as in ASP.NET Core
   */
  keepAliveInterval?: number;

  /**
   * How long a client may stay silent after a ping, in milliseconds. After that, its connection is closed.
   *
   * @default 30000, as in ASP.NET Core
   */
  clientTimeout?: number;

  /**
   * How long a client may take to send its handshake after it has connected, in milliseconds.
   *
   * @default 15000, as in ASP.NET Core
   */
  handshakeTimeout?: number;

  /**
   * How long after the negotiation a client may connect, in milliseconds.
   *
   * @default 60000: enough for a phone on a slow network
   */
  tokenLifetime?: number;

  /**
   * Signs the tokens with which clients connect. Set it to the same secret on all servers, or to none. A token grants
   * nothing, because `authenticate` runs again when the client connects. Without a secret, a client can make tokens, and so
   * choose when they expire.
   *
   * @default a value that servers with the same `channelPrefix` share
   */
  tokenSecret?: string;

  /**
   * How long the session of a client that asked for stateful reconnect waits for it after its connection broke, in
   * milliseconds. Meanwhile its messages are kept, up to `limits.bufferedBytes`. Only the server that holds the session can
   * resume it; with another one, the client connects anew. `false` turns it off.
   *
   * @default 15000, as in ASP.NET Core
   */
  statefulReconnect?: false | number;

  /**
   * Sends a client to another URL when it negotiates, for example to servers in its region. The client then negotiates
   * there. Called after `authenticate`. If it throws, the client gets 503, and the stack is logged.
   *
   * @returns `undefined` to serve the client here
   * @default every client is served here
   */
  redirect?(
    request: IncomingMessage,
    path: string,
  ): SignalRRedirect | undefined | Promise<SignalRRedirect | undefined>;

  /**
   * Whether a client gets the text of a `WsException` as it is. Otherwise it gets what ASP.NET Core sends for a
   * `HubException`: `An unexpected error occurred invoking 'X' on the server. HubException: text`.
   *
   * @default false
   */
  bareErrors?: boolean;

  /**
   * Whether a client gets an `exception` event if a handler fails for a message that expects no reply (`send`). Nest's
   * plain clients get one. SignalR's own servers send nothing.
   *
   * @default false
   */
  exceptionEvents?: boolean;
}

export interface ResolvedSignalR {
  /** `undefined` for all. */
  readonly paths: readonly string[] | undefined;
  readonly skipNegotiation: boolean;
  readonly keepAliveIntervalMs: number;
  readonly clientTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly tokenLifetimeMs: number;
  readonly tokenSecret: string;
  /** `undefined` if it is turned off. */
  readonly resumeTimeoutMs: number | undefined;
  readonly bareErrors: boolean;
  readonly exceptionEvents: boolean;
  readonly redirect: SignalROptions['redirect'];
}

const milliseconds = z.int().min(1).max(MAX_TIMER_MS);

export const signalrSchema = z.union([
  z.boolean(),
  z.strictObject({
    paths: z.array(z.string().min(1)).nonempty().optional(),
    skipNegotiation: z.boolean().optional(),
    keepAliveInterval: milliseconds.optional(),
    clientTimeout: milliseconds.optional(),
    handshakeTimeout: milliseconds.optional(),
    tokenLifetime: milliseconds.optional(),
    tokenSecret: z.string().min(1).optional(),
    statefulReconnect: z.union([z.literal(false), milliseconds]).optional(),
    bareErrors: z.boolean().optional(),
    exceptionEvents: z.boolean().optional(),
    redirect: z
      .custom<SignalROptions['redirect']>((value) => typeof value === 'function', 'must be a function')
      .optional(),
  }),
]);

/** @returns `undefined` if SignalR clients are not served */
export function resolveSignalR(
  option: boolean | SignalROptions | undefined,
  channelPrefix: string,
): ResolvedSignalR | undefined {
  if (option === undefined || option === false) return undefined;
  const options = option === true ? {} : option;
  return {
    paths: options.paths,
    skipNegotiation: options.skipNegotiation ?? false,
    keepAliveIntervalMs: options.keepAliveInterval ?? 15_000,
    clientTimeoutMs: options.clientTimeout ?? 30_000,
    handshakeTimeoutMs: options.handshakeTimeout ?? 15_000,
    tokenLifetimeMs: options.tokenLifetime ?? 60_000,
    tokenSecret: options.tokenSecret ?? channelPrefix,
    resumeTimeoutMs: options.statefulReconnect === false ? undefined : (options.statefulReconnect ?? 15_000),
    bareErrors: options.bareErrors ?? false,
    exceptionEvents: options.exceptionEvents ?? false,
    redirect: options.redirect && ((request, path) => options.redirect?.(request, path)),
  };
}
