/** How many connections and users a target has. */
export interface MemberCount {
  /** Each connection counts once, however many groups of the target it is in. */
  readonly connections: number;
  /** Users among them. A user with several connections counts once; a connection without a user does not count. */
  readonly users: number;
  /**
   * The ids of live servers whose connections are not included, because they did not reply. Empty if the count is
   * complete.
   */
  readonly missing: readonly string[];
}

/** The connections of a target. */
export interface MemberList {
  readonly members: readonly Member[];
  /** The ids of live servers whose connections are not listed, because they did not reply. Empty if none is missing. */
  readonly missing: readonly string[];
  /** Whether there are more members than `limit`. */
  readonly truncated: boolean;
}

/** A connection of a target. */
export interface Member {
  /** The connection's id. */
  readonly id: string;
  readonly userId: string | undefined;
  /** The server that holds the connection. */
  readonly serverId: string;
  /** What the option `presence.data` returned for the connection. Absent without the option, and if it failed. */
  readonly data?: unknown;
}
