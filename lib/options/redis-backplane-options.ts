import type { Redis, RedisOptions } from 'ioredis';
import type { ClientProtocolName } from '../protocol/client-protocol.js';
import type { BackplaneLogger } from './backplane-logger.js';
import type { EdgeOptions } from './edge-options.js';
import type { PresenceOptions } from './presence-options.js';
import type { SignalROptions } from './signalr-options.js';

/** What happens while Redis is down: see {@link RedisBackplaneOptions.outage}. */
export type OutageOption = 'reject' | 'local' | { readonly buffer: BufferOptions };

/** The limits of the buffer for `outage: { buffer }`. Beyond them, the oldest messages are dropped first. */
export interface BufferOptions {
  /** The maximum number of buffered messages. @default 1000 */
  readonly messages?: number;
  /** The maximum size of all buffered messages together, in bytes as published. @default 33554432 */
  readonly bytes?: number;
  /** The maximum age of a buffered message, in milliseconds. @default 30000 */
  readonly age?: number;
}

/** The role of a Redis client: one publishes, the other subscribes. */
export type RedisRole = 'publisher' | 'subscriber';

/** The options of `RedisBackplaneModule.forRoot`. Invalid options stop bootstrap with one message that names each of them. */
export interface RedisBackplaneOptions extends EdgeOptions {
  /**
   * The address of Redis: a URL (`redis://`, `rediss://`, `valkey://`, `unix://`, `redis+sentinel://`, `redis+cluster://`
   * …), a StackExchange.Redis string (`host:6379,password=…,ssl=true`), or `memory:` / `memory:name` for servers in one
   * process that need no Redis.
   *
   * @default 'redis://127.0.0.1:6379'
   */
  connection?: string;

  /** Options of ioredis. They override `connection`, except for those that the backplane must set itself. */
  redis?: RedisOptions;

  /**
   * Creates the Redis clients. Called once per role. The client must have the options passed as `requiredOptions`, which
   * bootstrap checks, and must serve nothing else. The backplane never closes it. Not available for a cluster, where the
   * backplane looks up the node of each connection itself.
   */
  connectionFactory?: (role: RedisRole, requiredOptions: RedisOptions) => Redis | Promise<Redis>;

  /**
   * Whether to use sharded pub/sub, which needs a cluster of Redis 7 or later. It spreads the channels over the masters
   * and sends each message to one of them, while classic pub/sub copies it to all nodes. The order of one sender's
   * messages is then guaranteed per target only. All servers must use the same value. `connection` must be a cluster, and
   * `channelPrefix` must not contain braces.
   *
   * @default false
   */
  sharded?: boolean;

  /**
   * The prefix of every channel, as in `<prefix>:…`. Choose a different one for each app: two apps with the same prefix on
   * the same Redis receive each other's messages. It may contain letters, digits and `_ . : { } -`.
   *
   * @default 'backplane'
   */
  channelPrefix?: string;

  /**
   * Whether startup fails if Redis cannot be reached within `startupTimeout`. Otherwise the app starts, serves its local
   * clients, and keeps trying.
   *
   * @default false
   */
  abortConnect?: boolean;

  /**
   * How long startup waits until Redis carries messages, in milliseconds. After that, `abortConnect` decides.
   *
   * @default 5000: several attempts to connect, which take a second each at most
   */
  startupTimeout?: number;

  /**
   * What happens to emits and joins while Redis is down. Local clients are served in any case.
   *
   * - `'reject'`: the promise rejects, and a join is rolled back.
   * - `'local'`: the promise resolves, marked `skipped`. Memberships are kept, and their channels are subscribed before the
   *   status is `ready` again.
   * - `{ buffer }`: like `'local'`, but messages that Redis cannot accept now are buffered, marked `buffered`, and
   *   published in order once Redis is back. Beyond the limits of {@link BufferOptions}, the oldest messages are dropped
   *   and reported on `errors$` with their targets. If Redis refuses a message permanently, for example because a
   *   permission is missing, the promise rejects at once.
   *
   * @default 'reject'
   */
  outage?: OutageOption;

  /**
   * The client protocols that clients may choose. An emit is encoded once per protocol.
   *
   * @default ['json']
   */
  protocols?: readonly ClientProtocolName[];

  /**
   * How long an emit waits for the reply of Redis, in milliseconds. After that, it rejects with
   * `PublishOutcomeUnknownError`. The option overrides `publishTimeout` in a URL, its older name `publishTimeoutMs`, and
   * `asyncTimeout` in a StackExchange string.
   *
   * If this server does not hear itself through a link for 3 seconds, the link is closed and its publishes fail. So a
   * longer timeout takes effect only while Redis is slow to reply, but not dead.
   *
   * @default 5000: the default of StackExchange.Redis, which SignalR uses
   */
  publishTimeout?: number;

  /**
   * How long the channel of a group or user stays subscribed after its last connection left, in milliseconds. A client that
   * comes back in this time needs no new subscription. Until then the server receives messages that it does not need.
   *
   * @default 1000: a page that reloads is back by then
   */
  unsubscribeDelay?: number;

  /**
   * How long `invoke` and `invokeAll` wait for the replies of clients, in milliseconds.
   *
   * @default 10000
   */
  invokeTimeout?: number;

  /**
   * How long `join`, `leave`, `disconnect` and queries such as `count` on a target wait for the replies of other servers, in
   * milliseconds.
   *
   * @default 5000
   */
  commandTimeout?: number;

  /** What other servers may know of connections, for `members` and `presence$`. */
  presence?: PresenceOptions;

  /**
   * The version of your app, as `backplane.servers` shows it on all servers: up to 24 ASCII characters without spaces, such
   * as `'1.4.2'` or the start of a commit's hash.
   */
  appVersion?: string;

  /**
   * Serves clients of ASP.NET Core SignalR (`@microsoft/signalr`), beside plain clients. They connect over WebSocket, and need
   * no sticky sessions. Clients that speak MessagePack need `'msgpack'` among the `protocols`.
   *
   * @default false
   */
  signalr?: boolean | SignalROptions;

  /**
   * Where this library logs. Any `LoggerService` of Nest will do.
   *
   * @default the app's logger, as set by `app.useLogger()`
   */
  logger?: BackplaneLogger;
}

/** Creates the options, for `forRootAsync({ useClass })` and `useExisting`. */
export interface RedisBackplaneOptionsFactory {
  createRedisBackplaneOptions(): RedisBackplaneOptions | Promise<RedisBackplaneOptions>;
}
