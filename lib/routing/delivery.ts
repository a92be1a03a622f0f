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

/**
 * What `emit` returns: a promise of a {@link Delivery} that you may leave alone. Its rejection never crashes the process,
 * because every failure is also logged and reported on `errors$`.
 *
 * It has all members of a `Promise` under a name of its own, so the lint rule `no-floating-promises` accepts an `emit`
 * without `await` and without `void`. A promise made from it, for example with `then`, is an ordinary one.
 */
export type PendingDelivery = Pick<Promise<Delivery>, keyof Promise<Delivery>>;
