/**
 * What happened to a message on its way to the other servers.
 *
 * - `accepted`: Redis accepted it
 * - `notNeeded`: all addressed connections are on this server
 * - `skipped`: delivered to this server's connections only, because of the outage policy
 * - `buffered`: waits until Redis is back
 */
export type BackplaneOutcome = 'accepted' | 'notNeeded' | 'skipped' | 'buffered';

/**
 * The result of `emit`. A handler that returns it sends nothing to its client.
 */
export class Delivery {
  constructor(
    /** How many of this server's own connections the message was written to. */
    readonly local: number,
    readonly backplane: BackplaneOutcome,
  ) {}
}
