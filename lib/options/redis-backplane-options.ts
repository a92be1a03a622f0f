import type { Redis, RedisOptions } from 'ioredis';
import type { ClientProtocolName } from '../protocol/client-protocol.js';
import type { BackplaneLogger } from './backplane-logger.js';
import type { EdgeOptions } from './edge-options.js';

/** What happens while Redis is not there: see {@link RedisBackplaneOptions.outage}. */
export type OutageOption = 'reject' | 'local' | { readonly buffer: BufferOptions };

/** How much may wait for Redis, and for how long, with `outage: { buffer }`. The oldest messages are given up first. */
export interface BufferOptions {
  /** @default 1000 */
  readonly messages?: number;
  /** Bytes of all waiting messages together, as they are published. @default 33554432 */
  readonly bytes?: number;
  /** Milliseconds. @default 30000 */
  readonly age?: number;
}

/** Which end of the backplane a Redis client serves: one publishes, one subscribes. */
export type RedisRole = 'publisher' | 'subscriber';

/** What `RedisBackplaneModule.forRoot` takes. A wrong option stops bootstrap with one message that names it. */
export interface RedisBackplaneOptions extends EdgeOptions {
  /**
   * Where Redis is: a URL (`redis://`, `rediss://`, `valkey://`, `unix://`, `redis+sentinel://`, `redis+cluster://` …), a
   * StackExchange.Redis string (`host:6379,password=…,ssl=true`), or `memory:` / `memory:name` for servers
   * that share one process and need no Redis.
   *
   * @default 'redis://127.0.0.1:6379'
   */
  connection?: string;

  /** Options of ioredis. They override what `connection` says, but not what the backplane itself must set. */
  redis?: RedisOptions;

  /**
   * Makes the Redis clients instead: called once for each role. A client must have the options it is given
   * as `requiredOptions`, which is checked at bootstrap, and must serve nothing else. It is never closed by
   * the backplane. Not for a cluster, where the backplane looks for the node of each connection by itself.
   */
  connectionFactory?: (role: RedisRole, requiredOptions: RedisOptions) => Redis | Promise<Redis>;

  /**
   * Sharded pub/sub, of a cluster of Redis 7 or later: channels are spread over the masters, and each message goes
   * to one of them, where classic pub/sub copies it to all. One sender's messages keep their order for one target
   * only. Must be the same on all servers. Needs a cluster as `connection`, and a `channelPrefix` without braces.
   *
   * @default false
   */
  sharded?: boolean;

  /**
   * Stands before every channel, as `<prefix>:…`. Give each app its own: two apps with the same prefix on the
   * same Redis receive each other's messages. Letters, digits and `_ . : { } -`.
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
   * What happens to emits and joins while Redis is not there. This server's own clients are served in any case.
   *
   * - `'reject'`: the promise rejects; a join is undone
   * - `'local'`: the promise resolves, marked `skipped`; memberships are kept, and heard of again before `ready`
   * - `{ buffer }`: as `'local'`, but what Redis cannot take now waits, marked `buffered`, and is published in order
   *   when Redis is back; what exceeds the limits of {@link BufferOptions} is given up, oldest first, and reported on
   *   `errors$` with its targets. What Redis refuses for good, such as a channel without permission, rejects at once
   *
   * @default 'reject'
   */
  outage?: OutageOption;

  /**
   * The client protocols that this farm's clients may ask for. An emit is encoded once for each of them.
   *
   * @default ['json']
   */
  protocols?: readonly ClientProtocolName[];

  /**
   * How long an emit waits for the reply of Redis, in milliseconds. Then it rejects with `PublishOutcomeUnknownError`.
   * `publishTimeout` in a URL is the same, and so are its older name `publishTimeoutMs` and StackExchange's
   * `asyncTimeout`; the option overrides them.
   *
   * A link on which this server does not hear itself for 3 seconds is closed, and its publishes end with it. So a longer
   * timeout takes effect only while Redis is slow to reply to publishes, but not dead.
   *
   * @default 5000: the default of StackExchange.Redis, which SignalR uses
   */
  publishTimeout?: number;

  /**
   * How long a group's or user's channel stays subscribed after the last connection left it, in milliseconds. Whoever
   * comes back in this time needs no subscription. Meanwhile the server receives messages for nobody.
   *
   * @default 1000: a page that reloads is back by then
   */
  unsubscribeDelay?: number;

  /**
   * How long `invoke` and `invokeAll` wait for clients to answer, in milliseconds.
   *
   * @default 10000
   */
  invokeTimeout?: number;

  /**
   * How long `join`, `leave` and `disconnect` on a target wait for the servers concerned, in milliseconds.
   *
   * @default 5000
   */
  commandTimeout?: number;

  /**
   * Writes the lines of this library, such as a `LoggerService` of Nest's.
   *
   * @default the app's logger, as `app.useLogger()` sets it
   */
  logger?: BackplaneLogger;
}

/** Makes the options, for `forRootAsync({ useClass })` and `useExisting`. */
export interface RedisBackplaneOptionsFactory {
  createRedisBackplaneOptions(): RedisBackplaneOptions | Promise<RedisBackplaneOptions>;
}
