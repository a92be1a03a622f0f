import { BackplaneError } from '../protocol/backplane.error.js';
import type { RedisRole } from '../options/redis-backplane-options.js';

/** One Redis connection with one role. */
export type LinkRole = RedisRole;

/**
 * Carries a bus's bytes to the other servers, through Redis or in memory. A transport connects and keeps reconnecting,
 * but it has no memory and makes no decisions: the bus above it knows the subscriptions, what was heard, and the status.
 */
export interface Transport {
  /**
   * Starts to connect and reports progress to `events`. Called once. Does not wait for a connection. Rejects only on
   * errors that a retry cannot fix.
   */
  open(events: TransportEvents): Promise<void>;
  /**
   * Writes the bytes to the publisher link now. The promises for one channel settle in order.
   *
   * @throws PublishRefusedError (as a rejection) when nothing was written; any other rejection leaves the outcome unknown
   */
  publish(channel: string, bytes: Buffer): Promise<void>;
  /**
   * Resolves when all these channels are subscribed. Sends one command, so keep batches moderate.
   *
   * @throws SubscriptionRefusedError (as a rejection) when Redis refuses one of the channels; any other rejection means
   * that the link failed
   */
  subscribe(channels: readonly string[]): Promise<void>;
  unsubscribe(channels: readonly string[]): Promise<void>;
  /** Drops both links and reconnects, because they can no longer be trusted. */
  reset(cause: Error): void;
  /** Closes both links after all pending bytes are written. Does not throw. */
  close(): Promise<void>;
}

export interface TransportEvents {
  /** The link is up. `node` identifies the Redis node that it leads to, if that can change. */
  up(link: LinkRole, node?: string): void;
  /**
   * The link is down. Called once for each `up`, with the cause as far as it is known.
   *
   * @param trustedUntil the time from which on the subscriptions may not have worked although Redis had confirmed them;
   * `undefined` if they worked
   */
  down(link: LinkRole, cause: Error, trustedUntil?: number): void;
  /** A connection attempt failed and another one follows. */
  retrying(link: LinkRole, attempt: number, delayMs: number, cause: Error): void;
  /**
   * Since then this server may have been on another Redis node than the other servers, although its links seemed to work.
   * It may have missed messages, and the other servers may have missed its messages. A `down` follows.
   */
  moved(since: number): void;
  /** Reports a problem that does not bring a link down. */
  problem(cause: Error): void;
  /** A message from a subscribed channel, in order. `bytes` may be a view of a shared buffer: copy what you keep. */
  message(bytes: Buffer, channel: Buffer): void;
}

/** A publish that certainly did not reach the other servers. */
export class PublishRefusedError extends Error {
  override readonly name: string = 'PublishRefusedError';
}

/** A publish that a retry cannot fix: a permission is missing, or this server has shut down. */
export class PublishDeniedError extends PublishRefusedError {
  override readonly name = 'PublishDeniedError';
}

/** Redis refused a subscription. A retry fails until the permission is granted. */
export class SubscriptionRefusedError extends Error {
  override readonly name = 'SubscriptionRefusedError';
}

/** Redis cannot be reached, and waiting does not fix it. The message says what to do. */
export class RedisConnectError extends BackplaneError {
  override readonly name = 'RedisConnectError';
  override readonly code = 'BACKPLANE_REDIS_CONNECT';
}
