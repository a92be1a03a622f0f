import type { RedisOptions } from 'ioredis';

/** The address of one Redis node or sentinel. An IPv6 host has no brackets. */
export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** The settings in a connection string that concern the backplane itself. If one is absent, the module's default applies. */
export interface BackplaneSettings {
  /** The prefix of every channel, which separates apps that share a Redis. */
  channelPrefix?: string;
  /** Whether bootstrap fails if Redis cannot be reached. */
  abortConnect?: boolean;
  /** How long a publish waits for its reply, in milliseconds. */
  publishTimeoutMs?: number;
}

/** The meaning of a connection string. Settings that the string does not contain are absent, never `undefined`. */
export interface ConnectionPlan {
  readonly mode: 'memory' | 'standalone' | 'sentinel' | 'cluster';
  /** In mode `memory`, servers of one process with the same name reach each other. Absent for the unnamed memory. */
  readonly memoryName?: string;
  /** The start nodes of a cluster, the sentinels, or the single node. Empty for memory and unix sockets. */
  readonly nodes: readonly RedisNode[];
  /**
   * Options for `Redis` of ioredis, with `host` and `port` or `path` (standalone), or with `sentinels` and `name`
   * (sentinel). In a cluster they have no address, and apply to every node. `keepAlive` is `null` at run time if the
   * string turns TCP keep-alive off.
   */
  readonly redis: RedisOptions;
  readonly backplane: Readonly<BackplaneSettings>;
  /** Log lines about settings that have no effect. They never contain a value from the string. */
  readonly warnings: readonly string[];
}
