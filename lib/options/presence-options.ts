import { z } from 'zod';
import { MAX_TIMER_MS } from '../protocol/timer-limit.js';

/** A connection, as `presence.data` gets it: the client that handlers get. */
export interface PresenceClient {
  readonly id: string;
  readonly userId: string | undefined;
  /** What `authenticate` returned as `data`. */
  readonly data: unknown;
  readonly groups: ReadonlySet<string>;
}

/** What other servers may know of connections, and how changes are reported. */
export interface PresenceOptions {
  /**
   * Chooses what `members` and `presence$` tell about a connection. Without it, nothing but the ids of the connection and
   * its user leaves the server. Return a value that JSON can represent, of at most 1 KiB, or `undefined` for nothing. If
   * the function throws or returns anything else, the connection is listed without data, and `errors$` reports it once.
   *
   * Called for each listed connection, so it must be fast.
   */
  // A method, so that a function whose parameter is a `BackplaneConnection<Account>` can be passed.
  data?(client: PresenceClient): unknown;

  /**
   * Selects the groups whose first and last member `backplane.occupied$` and `backplane.vacated$` report, over all servers.
   * Set it to the same function on all servers. Called when a group gets its first member on this server. Each server
   * reports the groups of the gateways that it has.
   *
   * @default no groups
   */
  occupancy?(group: string, path: string): boolean;

  /**
   * How long a watch (`presence$`) waits for a user whose last connection closed to come back, in milliseconds. Hides
   * reloads. Does not apply to an explicit `leave`, or to connections without a user.
   *
   * @default 5000: a page that reloads, or a phone that changes networks, is back by then
   */
  grace?: number;

  /**
   * The same if the user's server shut down, so that clients must reconnect to another one. Hides rolling deploys.
   *
   * @default three times `grace`: 15000
   */
  shutdownGrace?: number;

  /**
   * The number of members beyond which a watch reports counts only.
   *
   * @default 1000
   */
  limit?: number;
}

const DEFAULT_GRACE_MS = 5000;
const DEFAULT_LIMIT = 1000;

export interface ResolvedPresence {
  readonly data: ((client: PresenceClient) => unknown) | undefined;
  readonly occupancy: ((group: string, path: string) => boolean) | undefined;
  readonly graceMs: number;
  readonly shutdownGraceMs: number;
  readonly limit: number;
}

/** 0 reports every member at once. */
const grace = z.int().min(0).max(MAX_TIMER_MS);

export const presenceSchema = z.strictObject({
  data: z
    .custom<PresenceOptions['data']>((value) => typeof value === 'function', 'must be a function')
    .optional(),
  occupancy: z
    .custom<PresenceOptions['occupancy']>((value) => typeof value === 'function', 'must be a function')
    .optional(),
  grace: grace.optional(),
  shutdownGrace: grace.optional(),
  limit: z.int().min(0).optional(),
});

export function resolvePresence(presence: PresenceOptions = {}): ResolvedPresence {
  const { grace: graceMs = DEFAULT_GRACE_MS, limit = DEFAULT_LIMIT } = presence;
  return {
    data: presence.data && ((client) => presence.data?.(client)),
    occupancy: presence.occupancy && ((group, path) => presence.occupancy?.(group, path) === true),
    graceMs,
    shutdownGraceMs: presence.shutdownGrace ?? Math.min(3 * graceMs, MAX_TIMER_MS),
    limit,
  };
}
