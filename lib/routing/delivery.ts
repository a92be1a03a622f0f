/**
 * What happened to a message on its way to the other servers.
 *
 * - `accepted`: Redis accepted it
 * - `notNeeded`: all addressed connections are on this server
 * - `skipped`: Redis did not confirm it, and the outage policy does not reject. Usually only this server's connections received it
 * - `buffered`: waits until Redis is back. If it is dropped after all, `errors$` reports that
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
