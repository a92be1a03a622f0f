import type { Address } from '../../protocol/target.js';
import type { BackplaneOutcome } from '../delivery.js';

/** An emit on its way to the other servers. */
export interface OutgoingMessage {
  readonly address: Address;
  readonly channels: readonly string[];
  readonly record: Buffer;
  readonly volatile: boolean;
}

/** What happens when Redis is not there for an emit or a join. */
export interface OutagePolicy {
  /** Whether a connection that joins stays a member of a group that other servers cannot reach it in yet. */
  readonly keepsMemberships: boolean;
  /**
   * Publishes a message, or does instead what the policy says.
   *
   * @throws PublishRefusedError (as a rejection) when it was certainly not published; any other rejection leaves the outcome unknown
   */
  publish(message: OutgoingMessage): Promise<BackplaneOutcome>;
  close(): void;
}
