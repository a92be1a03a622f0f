/**
 * A server of the farm, as it last described itself: at most 5 seconds ago while it is heard. Everything but its id is
 * `undefined` until its description has arrived, and for a server whose release does not send one.
 */
export interface ServerInfo {
  /** New at each start of the server. */
  readonly serverId: string;
  /** Whether it is the server on which this code runs. */
  readonly isSelf: boolean;
  /** The host's name. Other servers get at most 40 bytes of it, shortened in the middle. */
  readonly hostname: string | undefined;
  readonly pid: number | undefined;
  /** The option `appVersion`; also `undefined` if the server has not set it. */
  readonly appVersion: string | undefined;
  /** When it started, on the clock of this server. */
  readonly startedAt: Date | undefined;
  /** How many connections it has, on all paths. */
  readonly connections: number | undefined;
  /**
   * How many connections it has on each path of its gateways. Other servers get the paths with the most connections,
   * about 40 bytes of them, so their sum may be less than `connections`.
   */
  readonly connectionsByPath: Readonly<Record<string, number>> | undefined;
  /** What `readiness()` says there: whether a load balancer should send clients to it. */
  readonly isReady: boolean | undefined;
  /**
   * The most by which a timer that fires four times a second was late within the last 5 to 10 seconds, in milliseconds. A
   * few milliseconds are normal; more means that the process does not keep up with its work.
   */
  readonly eventLoopDelayMs: number | undefined;
}

/** Another server joined or left the farm. The changes of a server alternate. */
export type ServerChange =
  | {
      /**
       * `returned`: a server that had been silent is heard again. `joined`: any other server that is heard for the first time,
       * also one that was silent for more than ten minutes.
       */
      readonly type: 'joined' | 'returned';
      readonly server: ServerInfo;
    }
  | {
      readonly type: 'left';
      /** `goodbye`: it has shut down. `silent`: nothing was heard from it for 4 seconds, while this server heard itself. */
      readonly reason: 'goodbye' | 'silent';
      readonly server: ServerInfo;
    };
