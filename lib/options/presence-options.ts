import { z } from 'zod';

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
}

export interface ResolvedPresence {
  readonly data: ((client: PresenceClient) => unknown) | undefined;
}

export const presenceSchema = z.strictObject({
  data: z
    .custom<PresenceOptions['data']>((value) => typeof value === 'function', 'must be a function')
    .optional(),
});

export function resolvePresence(presence: PresenceOptions = {}): ResolvedPresence {
  return { data: presence.data && ((client) => presence.data?.(client)) };
}
