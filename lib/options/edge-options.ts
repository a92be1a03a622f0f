import { z } from 'zod';
import { AllowedOrigins, originProblem } from './allowed-origins.js';
import { authenticateProblem, type AuthenticateOption } from './authenticate.js';
import type { PayloadLimits } from '../protocol/payload-limits.js';
import { MAX_TIMER_MS } from '../protocol/timer-limit.js';

/** What concerns clients and their sockets. */
export interface EdgeOptions {
  /**
   * Says who a client is, before its WebSocket opens. It may be a function, an object with a method `authenticate`, or a
   * class with that method. If the class is a provider anywhere in the app, Nest's instance is used. Otherwise an instance
   * is created in the module that `forRoot` returns, so pass the modules that it needs as `imports` of `forRootAsync`.
   * `@UseAuthenticator()` overrides the option for one gateway.
   *
   * @default everyone is admitted, without a user
   */
  authenticate?: AuthenticateOption;

  /**
   * The origins from which a browser may connect, as it sends them: `https://example.com`, `http://localhost:4200`,
   * `capacitor://localhost`, or `https://*.example.com` for every subdomain. `'*'` allows every origin. Clients that
   * send no `Origin` are not browsers, and are not checked.
   *
   * @default every origin, but pages of other hosts are refused if their request contains `Cookie` or `Authorization`.
   * Browsers send the cookies of your host even if a foreign page opens the connection, so that page would act as your
   * user. Host names are compared, not ports, and a host in `X-Forwarded-Host` or `Forwarded` counts as your own.
   */
  allowedOrigins?: '*' | readonly string[];

  /**
   * How to refuse a client. `'status'` replies with an HTTP status instead of the upgrade. `'closeCode'` opens the
   * WebSocket and closes it at once, with 1008, or with 1011 if `authenticate` failed: browsers can read a close code,
   * but not the status.
   *
   * @default 'status'
   */
  refusal?: 'status' | 'closeCode';

  /** Limits that keep one client, or one message, from harming the others. */
  limits?: {
    /**
     * The maximum size of a message that this server publishes, in bytes: an emit in all client protocols, an invoke or a
     * command. A larger one rejects with `MessageTooLargeError`, and nobody gets it. At most 8388608.
     *
     * Raise it with care, and `client-output-buffer-limit pubsub` of Redis with it. Redis disconnects a subscriber with
     * more than 32 MiB waiting for it, or more than 8 MiB for a minute, so a few large messages in a row can cut off
     * every server of a farm at once.
     *
     * @default 1048576: 32 of them fit into the output buffer of a subscriber
     */
    messageBytes?: number;
    /**
     * The maximum number of connections to this server, including those that wait for admission, and sessions of SignalR
     * that wait for their client. Further clients are refused with 503.
     *
     * @default 50000: more than one process usually serves, so that only a flood of clients reaches it
     */
    connections?: number;
    /**
     * The maximum size of a client's message, in bytes. A larger one closes its connection with 1009. The `maxPayload` of
     * a gateway overrides it.
     *
     * @default 1048576
     */
    payloadBytes?: number;
    /**
     * The maximum nesting depth of arrays and objects in a client's message. The frame itself is the first level. A
     * deeper message is refused with an `exception` before it is decoded.
     *
     * @default 100: the most that can be sent to MessagePack clients, so that every accepted message can be passed on
     */
    payloadDepth?: number;
    /**
     * The maximum number of array elements and object members in a client's message, on all levels together. A message
     * with more is refused with an `exception` before it is decoded.
     *
     * @default 100000: about ten bytes for each in 1 MiB of JSON
     */
    payloadElements?: number;
    /**
     * How long the admission of a client may take, in milliseconds. After that, the client is refused.
     *
     * @default 10000
     */
    admissionTime?: number;
    /**
     * The maximum number of messages of one connection that are being handled or waiting. One more closes the connection
     * with 1008. A handler that returns an Observable or an async iterable runs until that ends, so this also limits the
     * number of endless streams per client. A client of SignalR may have as many streams and uploads beside its messages.
     *
     * @default 1000
     */
    pendingMessages?: number;
    /**
     * The maximum number of messages per second from one connection. One more closes the connection with 1008.
     *
     * @default no limit
     */
    messagesPerSecond?: number;
    /**
     * The maximum number of bytes that wait for a slow client. A message beyond that closes the connection with 1013, or
     * is dropped if it is volatile.
     *
     * @default 4194304
     */
    bufferedBytes?: number;
    /**
     * The maximum number of connections of a user to a path, on all servers. A client beyond it is refused with 429. Does not
     * apply to connections without a user. Asks the other servers before each admission. Best effort: servers that do not
     * reply, for example during a partition, are not counted, and what is too much then stays connected.
     *
     * @default no limit
     */
    connectionsPerUser?: number;
  };

  /**
   * Lets a user have one connection to a path, on all servers. With `'newest'`, a new connection closes the others of its
   * user with 1008, after which `nestjs-redis-backplane/client` does not reconnect. With `'oldest'`, a client whose user is
   * connected is refused with 429. If several connect at the same moment, one stays. Best effort, like
   * `limits.connectionsPerUser`, which it overrides.
   *
   * @default no limit
   */
  singleSession?: 'newest' | 'oldest';

  /**
   * Detects clients that have vanished. The server pings each client every `interval` milliseconds, and closes the
   * connection if nothing arrives, not even a pong, within `timeout` milliseconds after the ping. `false` turns it off.
   * An `interval` above 500 ms is rounded down to a multiple of 500 ms, the pace at which pings are sent.
   *
   * @default { interval: 25000, timeout: 20000 }
   */
  heartbeat?: false | { interval?: number; timeout?: number };

  /**
   * The maximum number of messages of one connection that are handled concurrently. With 1, they are handled one after
   * the other, in order of arrival. Responses to `invoke` never wait.
   *
   * A handler that returns an Observable or an async iterable runs until that completes or fails, or the client
   * disconnects. With 1, an endless stream therefore blocks all later messages of its client, until
   * `limits.pendingMessages` closes the connection. Set a higher number if your clients request endless streams. The
   * streams of SignalR clients block nothing.
   *
   * @default no limit
   */
  parallelInvocations?: number;

  /**
   * How long the shutdown may take from the first goodbye to a client on, in milliseconds. Clients have 80 % of it to close
   * their connections; after that, the server terminates them. The rest is for `handleDisconnect` of the gateways.
   *
   * @default 5000
   */
  shutdownTimeout?: number;
}

/** {@link EdgeOptions} with defaults filled in. */
export interface ResolvedEdge {
  readonly allowedOrigins: AllowedOrigins | 'any' | undefined;
  readonly refusal: 'status' | 'closeCode';
  readonly maxConnections: number;
  readonly maxPayloadBytes: number;
  readonly payload: PayloadLimits;
  readonly admissionTimeMs: number;
  readonly maxPendingMessages: number;
  readonly maxMessagesPerSecond: number;
  readonly maxBufferedBytes: number;
  readonly heartbeat: { readonly intervalMs: number; readonly timeoutMs: number } | undefined;
  readonly parallelInvocations: number;
  readonly shutdownTimeoutMs: number;
  readonly singleSession: 'newest' | 'oldest' | undefined;
  readonly connectionsPerUser: number | undefined;
}

export const milliseconds = z.int().min(1).max(MAX_TIMER_MS);
const count = z.int().min(1);
/** By default, Redis disconnects a subscriber that has had more than this waiting for a minute. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;

export const edgeSchema = {
  authenticate: z
    .custom<AuthenticateOption>()
    .superRefine((value: unknown, context) => {
      const problem = value === undefined ? undefined : authenticateProblem(value);
      if (problem !== undefined) context.addIssue(problem);
    })
    .optional(),
  allowedOrigins: z
    .custom<EdgeOptions['allowedOrigins']>()
    .superRefine((value: unknown, context) => {
      if (value === undefined || value === '*') return;
      if (!Array.isArray(value)) {
        context.addIssue(
          "must be a list of origins such as ['https://example.com'], or '*' for every origin",
        );
        return;
      }
      for (const entry of value as unknown[]) {
        const problem = entry === '*' ? undefined : originProblem(entry);
        if (problem !== undefined) context.addIssue(problem);
      }
    })
    .optional(),
  refusal: z.enum(['status', 'closeCode']).optional(),
  singleSession: z.enum(['newest', 'oldest']).optional(),
  limits: z
    .strictObject({
      messageBytes: count.max(MAX_MESSAGE_BYTES).optional(),
      connections: count.optional(),
      payloadBytes: count.optional(),
      payloadDepth: count.optional(),
      payloadElements: count.optional(),
      admissionTime: milliseconds.optional(),
      pendingMessages: count.optional(),
      messagesPerSecond: count.optional(),
      bufferedBytes: count.optional(),
      connectionsPerUser: count.optional(),
    })
    .optional(),
  heartbeat: z
    .union([
      z.literal(false),
      z.strictObject({ interval: milliseconds.optional(), timeout: milliseconds.optional() }),
    ])
    .optional(),
  parallelInvocations: count.optional(),
  shutdownTimeout: milliseconds.optional(),
};

export function resolveEdge(options: EdgeOptions): ResolvedEdge {
  const { limits = {}, heartbeat = {}, allowedOrigins } = options;
  return {
    allowedOrigins: resolveOrigins(allowedOrigins),
    refusal: options.refusal ?? 'status',
    maxConnections: limits.connections ?? 50_000,
    maxPayloadBytes: limits.payloadBytes ?? 1024 * 1024,
    payload: {
      maxDepth: limits.payloadDepth ?? 100,
      maxElements: limits.payloadElements ?? 100_000,
    },
    admissionTimeMs: limits.admissionTime ?? 10_000,
    maxPendingMessages: limits.pendingMessages ?? 1000,
    maxMessagesPerSecond: limits.messagesPerSecond ?? Infinity,
    maxBufferedBytes: limits.bufferedBytes ?? 4 * 1024 * 1024,
    heartbeat: heartbeat
      ? { intervalMs: heartbeat.interval ?? 25_000, timeoutMs: heartbeat.timeout ?? 20_000 }
      : undefined,
    parallelInvocations: options.parallelInvocations ?? Infinity,
    shutdownTimeoutMs: options.shutdownTimeout ?? 5000,
    singleSession: options.singleSession,
    connectionsPerUser: limits.connectionsPerUser,
  };
}

function resolveOrigins(origins: EdgeOptions['allowedOrigins']): ResolvedEdge['allowedOrigins'] {
  if (origins === undefined) return undefined;
  return origins === '*' || origins.includes('*') ? 'any' : new AllowedOrigins(origins);
}
