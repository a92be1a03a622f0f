/**
 * What became of an emit.
 *
 * - `accepted`: Redis took it, for the other servers
 * - `notNeeded`: all connections addressed are this server's own
 * - `skipped`: only this server's connections were served, because the outage policy says so
 * - `buffered`: it waits until Redis is back
 */
export type BackplaneOutcome = 'accepted' | 'notNeeded' | 'skipped' | 'buffered';

/**
 * What an emit resolves with. A handler that returns it sends nothing to its client.
 */
export class Delivery {
  constructor(
    /** To how many of this server's own connections it was written. */
    readonly local: number,
    readonly backplane: BackplaneOutcome,
  ) {}
}
