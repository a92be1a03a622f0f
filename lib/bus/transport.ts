import { BackplaneError } from '../protocol/backplane.error.js';
import type { RedisRole } from '../options/redis-backplane-options.js';

/** One Redis connection with one role. */
export type LinkRole = RedisRole;

/**
 * What carries a bus's bytes: one object per way to reach the other servers (a Redis, this process's
 * memory). It connects, and reconnects for ever, but remembers no channel and judges nothing: what is
 * subscribed, what was heard and what the status is stands in the bus above it.
 */
export interface Transport {
  /**
   * Begins to connect; `events` tells how it goes. Called once. Does not wait for a connection: a rejection
   * is an error that a retry cannot fix.
   */
  open(events: TransportEvents): Promise<void>;
  /**
   * Hands the bytes to the publisher link now; promises of one channel settle in order.
   *
   * @throws PublishRefusedError (as a rejection) when nothing was written; any other rejection leaves the outcome unknown
   */
  publish(channel: string, bytes: Buffer): Promise<void>;
  /**
   * Resolves when messages of all these channels will be heard. One command, so keep batches moderate.
   *
   * @throws SubscriptionRefusedError (as a rejection) when one of the channels may not be heard; any other rejection is the link's
   */
  subscribe(channels: readonly string[]): Promise<void>;
  unsubscribe(channels: readonly string[]): Promise<void>;
  /** Drops both links and reconnects, because what they report can no longer be trusted. */
  reset(cause: Error): void;
  /** Ends both links after what was handed to them is written. Does not throw. */
  close(): Promise<void>;
}

export interface TransportEvents {
  /** `node` says which server the link leads to, where that can change. */
  up(link: LinkRole, node?: string): void;
  /**
   * Told once for each `up`; `cause` as far as it is known.
   *
   * @param trustedUntil since then what Redis said about subscriptions may have been wrong; `undefined` where it was right
   */
  down(link: LinkRole, cause: Error, trustedUntil?: number): void;
  /** A connection attempt failed, and another one follows. */
  retrying(link: LinkRole, attempt: number, delayMs: number, cause: Error): void;
  /**
   * Since then this server may have been on another node than the others, though its links seemed well: what it heard
   * may be incomplete, and what it published may not have been heard. A `down` follows.
   */
  moved(since: number): void;
  /** Something is wrong that the links do not show. */
  problem(cause: Error): void;
  /** Bytes from a subscribed channel, in order. They may be a view: copy what is kept. */
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

/** A subscription that was answered with a no: trying again is of no use until somebody grants it. */
export class SubscriptionRefusedError extends Error {
  override readonly name = 'SubscriptionRefusedError';
}

/** Redis cannot be reached, for a reason that waiting does not fix. The message says what to do. */
export class RedisConnectError extends BackplaneError {
  override readonly name = 'RedisConnectError';
  override readonly code = 'BACKPLANE_REDIS_CONNECT';
}
