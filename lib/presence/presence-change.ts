/** A user, or a connection without a user, in a watched group. */
export interface PresenceMember {
  /** The user's id, or the connection's id if it has no user. Unique in the group. */
  readonly key: string;
  readonly userId: string | undefined;
  /**
   * The ids of its connections in the group, on any server: the last one of a member that has left, none while a member may
   * come back (`presence.grace`).
   */
  readonly connectionIds: readonly string[];
  /** The servers that hold them. */
  readonly serverIds: readonly string[];
  /**
   * What the option `presence.data` returned for the connection that changed last. Absent without the option, and if it
   * failed.
   */
  readonly data?: unknown;
}

/**
 * Why a member left.
 *
 * - `left`: the last connection left the group
 * - `disconnected`: the last connection closed
 * - `serverLeft`: its server shut down
 * - `serverLost`: its server died
 */
export type PresenceLeaveCause = 'left' | 'disconnected' | 'serverLeft' | 'serverLost';

/** A member that has joined. */
export interface PresenceJoin extends PresenceMember {
  /** `returned` if this server had taken the member's server for dead. */
  readonly cause: 'joined' | 'returned';
}

/** A member that has left. */
export interface PresenceLeave extends PresenceMember {
  readonly cause: PresenceLeaveCause;
}

/** What `presence$` emits: first a snapshot, then what has changed since the previous value. */
export interface PresenceChange {
  /**
   * Whether `joined` lists everyone who is there, so that what was known before no longer counts: in the first value, and
   * when a group has shrunk to `presence.limit` again.
   */
  readonly isSnapshot: boolean;
  /** Members whose first connection joined. */
  readonly joined: readonly PresenceJoin[];
  /** Members whose last connection left. */
  readonly left: readonly PresenceLeave[];
  /** Members whose presence data changed. */
  readonly updated: readonly PresenceMember[];
  /**
   * Whether this server knows the members of all servers. False during an outage and until it has heard from everyone
   * again. Nobody is reported as gone meanwhile, except by a server that is heard.
   */
  readonly settled: boolean;
  /** The number of members now. */
  readonly memberCount: number;
  /** The number of their connections now. */
  readonly connectionCount: number;
  /** Whether there are more members than `presence.limit`. Then the lists are empty, and only the counts are reported. */
  readonly isAboveLimit: boolean;
}
