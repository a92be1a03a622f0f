import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { MAX_TIMER_MS } from '../protocol/timer-limit.js';

/** Where a SignalR client negotiates instead. */
export interface SignalRRedirect {
  /** The absolute URL of a gateway. */
  readonly url: string;
  /** The access token that the client sends there instead of its own. */
  readonly accessToken?: string;
}

/** Options for serving SignalR clients. */
export interface SignalROptions {
  /**
   * The gateway paths that serve SignalR clients in addition to plain clients.
   *
   * @default all paths
   */
  paths?: readonly string[];

  /**
   * Also serves SignalR clients that skip the negotiation. The first message of a client that did not negotiate then shows
   * whether it is a SignalR client. So the gateway sees a plain client only after its first message, or after
   * `handshakeTimeout`. Plain clients that request a subprotocol do not wait.
   *
   * @default false: a client that does not negotiate is a plain client
   */
  skipNegotiation?: boolean;

  /**
   * How often the server pings a client, in milliseconds: at most half of the clients' `serverTimeout`, which is 30 s by
   * default. A client that receives nothing for that long closes the connection.
   *
   * @default 15000, as in ASP.NET Core
   */
  keepAliveInterval?: number;

  /**
   * How long a client may stay silent after a ping, in milliseconds. Then the server closes its connection.
   *
   * @default 30000, as in ASP.NET Core
   */
  clientTimeout?: number;

  /**
   * How long a client may take to send its handshake once its WebSocket is open, in milliseconds.
   *
   * @default 15000, as in ASP.NET Core
   */
  handshakeTimeout?: number;

  /**
   * How long after the negotiation a client may open its WebSocket, in milliseconds.
   *
   * @default 60000: enough for a phone on a slow network
   */
  tokenLifetime?: number;

  /**
   * The secret that signs the tokens from the negotiation. Use the same one on all servers, or set it on none. A token grants
   * no access, because `authenticate` runs again when the client connects. Without a secret, clients can forge tokens and
   * choose their expiry time.
   *
   * @default a value derived from `channelPrefix`, and so the same on all servers
   */
  tokenSecret?: string;

  /**
   * How long a session with stateful reconnect waits for its client after the connection was lost, in milliseconds. Meanwhile
   * the server keeps the client's messages, up to `limits.bufferedBytes`. Only this server can resume the session: a client
   * that reaches another one starts a new connection. `false` turns stateful reconnect off.
   *
   * @default 15000, as in ASP.NET Core
   */
  statefulReconnect?: false | number;

  /**
   * Redirects a client to another URL when it negotiates, for example to servers in its region. The client then negotiates
   * there. Called after `authenticate`. If it throws, the client gets status 503 and the server logs the error.
   *
   * @returns `undefined` to serve the client on this server
   * @default no client is redirected
   */
  redirect?(
    request: IncomingMessage,
    path: string,
  ): SignalRRedirect | undefined | Promise<SignalRRedirect | undefined>;

  /**
   * Whether a client gets the text of a `WsException` unchanged. Otherwise it gets the text that ASP.NET Core sends for a
   * `HubException`: `An unexpected error occurred invoking 'X' on the server. HubException: text`.
   *
   * @default false
   */
  bareErrors?: boolean;

  /**
   * Whether a client gets the name and the message of an error that is neither a `WsException` nor an HTTP exception, in the
   * form of ASP.NET Core: `An unexpected error occurred invoking 'X' on the server. TypeError: text`. For development only,
   * because such messages may contain secrets. Errors that a filter of the app handles are not changed.
   *
   * @default false: the client learns only that an error occurred, and the log has the details
   */
  detailedErrors?: boolean;

  /**
   * Whether a client gets an `exception` event when the handler of a message without a reply (`send`) fails. Plain clients
   * get one; clients of ASP.NET Core do not.
   *
   * @default false
   */
  exceptionEvents?: boolean;
}

export interface ResolvedSignalR {
  /** `undefined` for all paths. */
  readonly paths: readonly string[] | undefined;
  readonly skipNegotiation: boolean;
  readonly keepAliveIntervalMs: number;
  readonly clientTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly tokenLifetimeMs: number;
  readonly tokenSecret: string;
  /** `undefined` if stateful reconnect is turned off. */
  readonly resumeTimeoutMs: number | undefined;
  readonly bareErrors: boolean;
  readonly detailedErrors: boolean;
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
    detailedErrors: z.boolean().optional(),
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
    detailedErrors: options.detailedErrors ?? false,
    exceptionEvents: options.exceptionEvents ?? false,
    redirect: options.redirect && ((request, path) => options.redirect?.(request, path)),
  };
}
