import { z } from 'zod';
import { AllowedOrigins, originProblem } from './allowed-origins.js';
import { authenticateProblem, type AuthenticateOption } from './authenticate.js';
import type { PayloadLimits } from '../protocol/payload-limits.js';
import { MAX_TIMER_MS } from '../protocol/timer-limit.js';

/** What concerns clients and their sockets. */
export interface EdgeOptions {
  /**
   * Asks who a client is, before its WebSocket is opened: a function, an object with a method `authenticate`, or such a
   * class, which Nest resolves at startup like any other provider. A class that is no provider is created in the module
   * that `forRoot` makes, so pass what it needs as `imports` of `forRootAsync`. `@UseAuthenticator()` on a gateway
   * overrides it.
   *
   * @default everyone is admitted, without a user
   */
  authenticate?: AuthenticateOption;

  /**
   * The origins from which a browser may connect, as it sends them: `https://example.com`, `http://localhost:4200`,
   * `capacitor://localhost`, or `https://*.example.com` for every subdomain. `'*'` allows every origin. Clients that
   * send no origin are no browsers, and are not refused by it.
   *
   * @default every origin, but a page of another host may not send `Cookie` or `Authorization`: a browser sends cookies
   * to wherever a page tells it to, so a foreign page could ride on them. Ports are not compared, and a host in
   * `X-Forwarded-Host` or `Forwarded` counts as this one.
   */
  allowedOrigins?: '*' | readonly string[];

  /**
   * How a client is refused: with an HTTP status instead of the upgrade, or by opening the WebSocket and closing it at
   * once, because a browser cannot read the status: with 1008, or with 1011 where `authenticate` failed.
   *
   * @default 'status'
   */
  refusal?: 'status' | 'closeCode';

  /** Limits that keep one client, or one message, from harming the others. */
  limits?: {
    /**
     * Bytes of a message as this server publishes it: an emit in all client protocols, an invoke or a command. A larger
     * one rejects with `MessageTooLargeError`, and nobody gets it. At most 8388608.
     *
     * Raise it with care, and `client-output-buffer-limit pubsub` of Redis with it. Redis disconnects a subscriber with
     * more than 32 MiB waiting for it, or more than 8 MiB for a minute, so a few large messages in a row can cut off
     * every server of a farm at once.
     *
     * @default 1048576: 32 of them fit into the output buffer of a subscriber
     */
    messageBytes?: number;
    /**
     * Connections of this server, those that wait for admission included; more are refused with 503.
     *
     * @default 50000: enough for any one process, so that only a flood meets it
     */
    connections?: number;
    /**
     * Bytes of a client's message; a larger one closes its connection with 1009. A gateway's own `maxPayload` outweighs it.
     *
     * @default 1048576
     */
    payloadBytes?: number;
    /**
     * Levels of arrays and objects inside each other in a client's message, the frame itself included. What is deeper
     * is refused with an `exception`, and not decoded.
     *
     * @default 100: the most that MessagePack clients can be sent, so that a message which is accepted can be passed on
     */
    payloadDepth?: number;
    /**
     * Elements of arrays and members of objects in a client's message, all levels together. What has more is refused
     * with an `exception`, and not decoded.
     *
     * @default 100000: in 1 MiB of JSON some ten bytes for each
     */
    payloadElements?: number;
    /**
     * Milliseconds that admission may take; then the client is refused.
     *
     * @default 10000
     */
    admissionTime?: number;
    /**
     * Messages of one connection whose handlers have not ended; one more closes it with 1008. A handler that returns an
     * Observable ends with it, so a client may have so many endless streams at most.
     *
     * @default 1000
     */
    pendingMessages?: number;
    /**
     * Messages of one connection in a second; one more closes it with 1008.
     *
     * @default no limit
     */
    messagesPerSecond?: number;
    /**
     * Bytes that wait for a client which does not read them. One more message closes its connection with 1013, or is
     * dropped where it is volatile.
     *
     * @default 4194304
     */
    bufferedBytes?: number;
  };

  /**
   * How clients that vanished are found: each is pinged once in `interval` milliseconds, and cut off when nothing comes
   * from it, no pong either, for `timeout` milliseconds after that. `false` pings nobody.
   *
   * @default { interval: 25000, timeout: 20000 }
   */
  heartbeat?: false | { interval?: number; timeout?: number };

  /**
   * How many messages of one connection are handled at the same time. With 1 they are handled in the order in which
   * they came, each after the one before has ended. Answers to `invoke` never wait.
   *
   * A handler that returns an Observable ends when the Observable completes or fails, or when the client has gone. With 1,
   * a stream that never ends holds up everything else that its client sends, until `limits.pendingMessages` closes the
   * connection: give clients that ask for such streams a higher number.
   *
   * @default no limit
   */
  parallelInvocations?: number;

  /**
   * How long clients have to say goodbye when the app shuts down, in milliseconds; then they are cut off.
   *
   * @default 5000
   */
  shutdownTimeout?: number;
}

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
}

export const milliseconds = z.int().min(1).max(MAX_TIMER_MS);
const count = z.int().min(1);
/** What Redis lets wait for a subscriber for a minute, by default; larger messages would break the connection of a slow one. */
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
  };
}

function resolveOrigins(origins: EdgeOptions['allowedOrigins']): ResolvedEdge['allowedOrigins'] {
  if (origins === undefined) return undefined;
  return origins === '*' || origins.includes('*') ? 'any' : new AllowedOrigins(origins);
}
