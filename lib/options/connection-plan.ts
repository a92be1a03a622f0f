import type { RedisOptions } from 'ioredis';

/** Address of one Redis server or sentinel. An IPv6 host stands without brackets. */
export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** What the string says about the backplane itself, not about the Redis client. Absent: the module's own default. */
export interface BackplaneSettings {
  /** Put before every channel name, so that apps that share a Redis stay apart. */
  channelPrefix?: string;
  /** Whether bootstrap fails when Redis cannot be reached. */
  abortConnect?: boolean;
  /** How long a publish waits for its reply, in milliseconds. */
  publishTimeoutMs?: number;
}

/** What a connection string means, in ioredis' words. Keys that the string does not set are absent, never `undefined`. */
export interface ConnectionPlan {
  readonly mode: 'memory' | 'standalone' | 'sentinel' | 'cluster';
  /** Mode `memory`: servers of one process that name the same memory hear each other. Absent: the unnamed one. */
  readonly memoryName?: string;
  /** Cluster start nodes, sentinels, or the one server; empty for memory and unix sockets. */
  readonly nodes: readonly RedisNode[];
  /**
   * Options for ioredis' `Redis`, or for `redisOptions` of its `Cluster`. With `host` and `port` or `path`
   * (standalone) or `sentinels` and `name` (sentinel). `keepAlive` is `null` at run time where the string turns TCP
   * keep-alive off.
   */
  readonly redis: RedisOptions;
  readonly backplane: Readonly<BackplaneSettings>;
  /** What was understood but has no effect here and deserves a log line. Never contains a value from the string. */
  readonly warnings: readonly string[];
}
