import type { Address } from '../../protocol/target.js';
import type { BackplaneOutcome } from '../delivery.js';

/** A message for the other servers. */
export interface OutgoingMessage {
  readonly address: Address;
  readonly channels: readonly string[];
  readonly record: Buffer;
  readonly volatile: boolean;
}

/** Decides what happens to an emit or a join while Redis is down. */
export interface OutagePolicy {
  /** Whether a connection stays in a group if the channel could not be subscribed, so that other servers cannot reach it yet. */
  readonly keepsMemberships: boolean;
  /** What happens to a message while Redis is down, unless it is volatile. */
  readonly whenDown: 'rejected' | 'skipped' | 'buffered';
  /**
   * Publishes a message, or applies the policy if Redis is down.
   *
   * @throws PublishRefusedError (as a rejection) when Redis certainly did not accept it; any other rejection leaves the outcome unknown
   */
  publish(message: OutgoingMessage): Promise<BackplaneOutcome>;
  close(): void;
}
