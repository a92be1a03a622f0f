import type { RedisOptions } from 'ioredis';
import { z } from 'zod';
import type { AuthenticateOption } from './authenticate.js';
import { type BackplaneLogger, isBackplaneLogger } from './backplane-logger.js';
import type { ClientProtocolName } from '../protocol/client-protocol.js';
import type { ConnectionPlan } from './connection-plan.js';
import { ConnectionStringError } from './connection-string.error.js';
import { parseConnectionString } from './connection-string.js';
import { MAX_APP_VERSION_BYTES } from '../protocol/server-card.js';
import { edgeSchema, milliseconds, type ResolvedEdge, resolveEdge } from './edge-options.js';
import { InvalidOptionsError } from './invalid-options.error.js';
import { describeProblems } from './option-problems.js';
import { resolveSignalR, type ResolvedSignalR, signalrSchema } from './signalr-options.js';
import { presenceSchema, type ResolvedPresence, resolvePresence } from './presence-options.js';
import { checkRedisOptions } from './redis-options.js';
import type { OutageOption, RedisBackplaneOptions } from './redis-backplane-options.js';

const DEFAULT_CONNECTION = 'redis://127.0.0.1:6379';
const DEFAULT_PREFIX = 'backplane';
const DEFAULT_STARTUP_TIMEOUT_MS = 5_000;
const DEFAULT_UNSUBSCRIBE_DELAY_MS = 1_000;
const DEFAULT_PUBLISH_TIMEOUT_MS = 5_000;
const DEFAULT_MESSAGE_BYTES = 1024 * 1024;
const DEFAULT_BUFFERED_MESSAGES = 1000;
/** The same as the limit on bytes in flight to Redis, so an outage costs no more memory than a slow Redis. */
const DEFAULT_BUFFERED_BYTES = 32 * 1024 * 1024;
const DEFAULT_BUFFERED_AGE_MS = 30_000;
const DEFAULT_INVOKE_TIMEOUT_MS = 10_000;
/** SignalR waits 30 s to 35 s, which is too long for a person in front of a screen. */
const DEFAULT_COMMAND_TIMEOUT_MS = 5_000;

/** The checked options, merged with the connection string and the defaults. */
export interface ResolvedOptions {
  readonly connection: ConnectionPlan;
  readonly connectionFactory: RedisBackplaneOptions['connectionFactory'];
  readonly sharded: boolean;
  readonly channelPrefix: string;
  readonly abortConnect: boolean;
  /** How long bootstrap waits until messages get through. */
  readonly startupTimeoutMs: number;
  readonly protocols: readonly ClientProtocolName[];
  readonly outage: ResolvedOutage;
  /** How long a publish waits for the reply. If Redis is dead, the echo deadline ends it after about 3 s. */
  readonly publishTimeoutMs: number;
  /** The maximum size of a published message. */
  readonly maxMessageBytes: number;
  /** How long a channel stays subscribed after its last member left. */
  readonly unsubscribeDelayMs: number;
  readonly authenticate: AuthenticateOption | undefined;
  readonly logger: BackplaneLogger | undefined;
  readonly edge: ResolvedEdge;
  readonly invokeTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly presence: ResolvedPresence;
  readonly appVersion: string | undefined;
  /** `undefined` if SignalR clients are not served. */
  readonly signalr: ResolvedSignalR | undefined;
}

export type ResolvedOutage =
  | { readonly policy: 'reject' | 'local' }
  | {
      readonly policy: 'buffer';
      readonly maxMessages: number;
      readonly maxBytes: number;
      readonly maxAgeMs: number;
    };

const isFunction = (value: unknown): boolean => typeof value === 'function';

/** No slash, which separates prefix and path. No glob characters, which would have a meaning in an ACL pattern. */
const prefix = z.string().regex(/^[\w.:{}-]+$/, 'must be made of letters, digits and _ . : { } -');

/** It must fit into a heartbeat. */
const appVersion = z
  .string()
  .max(MAX_APP_VERSION_BYTES)
  .regex(/^[!-~]+$/, 'must be 1 to 24 ASCII characters without spaces');

const schema = z.strictObject({
  connection: z.string().min(1).optional(),
  redis: z
    .looseObject({})
    .superRefine((given, context) => {
      for (const problem of checkRedisOptions(given).problems) context.addIssue(problem);
    })
    .optional(),
  connectionFactory: z
    .custom<RedisBackplaneOptions['connectionFactory']>(isFunction, 'must be a function')
    .optional(),
  sharded: z.boolean().optional(),
  channelPrefix: prefix.optional(),
  abortConnect: z.boolean().optional(),
  startupTimeout: milliseconds.optional(),
  protocols: z
    .array(z.enum(['json', 'msgpack']))
    .nonempty()
    .optional(),
  outage: z
    .union([
      z.enum(['reject', 'local']),
      z.strictObject({
        buffer: z.strictObject({
          messages: z.int().min(1).optional(),
          bytes: z.int().min(1).optional(),
          age: milliseconds.optional(),
        }),
      }),
    ])
    .optional(),
  logger: z
    .custom<BackplaneLogger>(isBackplaneLogger, 'must be an object with the methods log, warn and error')
    .optional(),
  ...edgeSchema,
  publishTimeout: milliseconds.optional(),
  unsubscribeDelay: milliseconds.optional(),
  invokeTimeout: milliseconds.optional(),
  commandTimeout: milliseconds.optional(),
  presence: presenceSchema.optional(),
  appVersion: appVersion.optional(),
  signalr: signalrSchema.optional(),
});

/**
 * Checks the options, merges the connection string into them and fills in the defaults.
 *
 * @throws InvalidOptionsError that names every invalid option
 */
export function resolveOptions(options: RedisBackplaneOptions): ResolvedOptions {
  const checked = schema.safeParse(options, { reportInput: false });
  if (!checked.success) throw new InvalidOptionsError(describeProblems(checked.error.issues, options));
  const plan = planConnection(options.connection ?? DEFAULT_CONNECTION, options.redis);
  const channelPrefix = options.channelPrefix ?? checkPrefix(plan.backplane.channelPrefix) ?? DEFAULT_PREFIX;
  const conflicts = conflictsIn(options, plan, channelPrefix);
  if (conflicts.length > 0) throw new InvalidOptionsError(conflicts);
  return {
    connection: plan,
    connectionFactory: options.connectionFactory,
    sharded: options.sharded ?? false,
    channelPrefix,
    abortConnect: options.abortConnect ?? plan.backplane.abortConnect ?? false,
    startupTimeoutMs: options.startupTimeout ?? DEFAULT_STARTUP_TIMEOUT_MS,
    protocols: checked.data.protocols ?? ['json'],
    publishTimeoutMs: options.publishTimeout ?? plan.backplane.publishTimeoutMs ?? DEFAULT_PUBLISH_TIMEOUT_MS,
    maxMessageBytes: options.limits?.messageBytes ?? DEFAULT_MESSAGE_BYTES,
    unsubscribeDelayMs: options.unsubscribeDelay ?? DEFAULT_UNSUBSCRIBE_DELAY_MS,
    outage: resolveOutage(options.outage),
    authenticate: options.authenticate,
    logger: options.logger,
    edge: resolveEdge(options),
    invokeTimeoutMs: options.invokeTimeout ?? DEFAULT_INVOKE_TIMEOUT_MS,
    commandTimeoutMs: options.commandTimeout ?? DEFAULT_COMMAND_TIMEOUT_MS,
    presence: resolvePresence(options.presence),
    appVersion: options.appVersion,
    signalr: resolveSignalR(options.signalr, channelPrefix),
  };
}

/** Options that are valid by themselves, but not in combination. */
function conflictsIn(
  { sharded, connectionFactory }: RedisBackplaneOptions,
  { mode }: ConnectionPlan,
  channelPrefix: string,
): string[] {
  const rules: readonly (readonly [broken: boolean, message: string])[] = [
    [
      mode === 'cluster' && connectionFactory !== undefined,
      'connectionFactory: cannot serve a cluster, because the backplane looks up the node of each connection itself; remove it, and pass options for the clients as redis',
    ],
    [
      sharded === true && mode !== 'cluster',
      'sharded: needs a cluster; set connection to redis+cluster://host1,host2, or remove sharded',
    ],
    [
      sharded === true && /[{}]/.test(channelPrefix),
      'channelPrefix: must not contain braces when sharded is set, because braces decide the slot of a channel',
    ],
  ];
  return rules.filter(([broken]) => broken).map(([, message]) => message);
}

function resolveOutage(outage: OutageOption = 'reject'): ResolvedOutage {
  if (typeof outage === 'string') return { policy: outage };
  const {
    messages = DEFAULT_BUFFERED_MESSAGES,
    bytes = DEFAULT_BUFFERED_BYTES,
    age = DEFAULT_BUFFERED_AGE_MS,
  } = outage.buffer;
  return { policy: 'buffer', maxMessages: messages, maxBytes: bytes, maxAgeMs: age };
}

function planConnection(connection: string, overrides: RedisOptions = {}): ConnectionPlan {
  try {
    const plan = parseConnectionString(connection);
    const { options, warnings } = checkRedisOptions(overrides);
    return {
      ...plan,
      redis: mergeRedisOptions(plan.redis, options),
      warnings: [...plan.warnings, ...warnings],
    };
  } catch (error) {
    if (error instanceof ConnectionStringError)
      throw new InvalidOptionsError([`connection: ${error.message}`]);
    throw error;
  }
}

/** `tls` is merged with the TLS settings of the connection string, for sentinels too. Any other option replaces them. */
function mergeRedisOptions(redis: RedisOptions, overrides: RedisOptions): RedisOptions {
  const { tls, sentinelTLS } = overrides;
  return {
    ...redis,
    ...overrides,
    ...(tls && { tls: { ...redis.tls, ...tls } }),
    ...((sentinelTLS ?? redis.sentinelTLS) && {
      sentinelTLS: { ...redis.sentinelTLS, ...tls, ...sentinelTLS },
    }),
  };
}

function checkPrefix(value: string | undefined): string | undefined {
  const checked = prefix.optional().safeParse(value);
  if (!checked.success)
    throw new InvalidOptionsError([`connection: channelPrefix ${checked.error.issues[0]?.message}`]);
  return checked.data;
}
