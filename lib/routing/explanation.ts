import type { BackplaneOutcome } from './delivery.js';

/** Who would receive an emit now, and what it would cost. */
export interface Explanation {
  /** The servers that replied. Those without recipients have 0 connections. */
  readonly servers: readonly ServerExplanation[];
  /** The ids of live servers that did not reply. */
  readonly missing: readonly string[];
  /** What the emit would cost in Redis. Empty if it concerns this server's connections only. */
  readonly cost: {
    /** The channels on which it would be published. */
    readonly channels: readonly string[];
    /** The number of PUBLISH commands: one for each channel. */
    readonly publishes: number;
    /** The bytes of all published messages together. */
    readonly bytes: number;
  };
  /** The `backplane` of the `Delivery` that the emit would resolve with, or `rejected` if it would reject. */
  readonly backplane: BackplaneOutcome | 'rejected';
}

/** Who would receive an emit on one server. */
export interface ServerExplanation {
  readonly serverId: string;
  /** How many connections would receive the emit. 0 if the server does not hear it. */
  readonly connections: number;
  /** The ids of some of them: see `ExplainOptions.sample`. */
  readonly sample: readonly string[];
  /** Whether the server hears a channel of the emit. A server without recipients need not. */
  readonly hears: boolean;
  /** Whether Redis refuses it the channels. */
  readonly isRefused: boolean;
  /** Since when it has wanted the channels and not heard them; `undefined` if it hears them or does not need them. */
  readonly deafSince: Date | undefined;
}

/**
 * Why a connection would not receive an emit.
 *
 * - `notConnected`: no server holds it
 * - `noReply`: the server that holds it did not reply
 * - `otherPath`: it is connected to another path
 * - `otherServer`: the target addresses this server's connections only
 * - `notMember`: it is not among the recipients that the target names
 * - `excluded`: the target excludes it
 * - `notHeard`: its server does not hear the channels of the emit
 * - `refused`: Redis refuses its server the channels of the emit
 * - `slow`: too many bytes are waiting for it, so it is about to be closed
 */
export type NotReceivedReason =
  | 'notConnected'
  | 'noReply'
  | 'otherPath'
  | 'otherServer'
  | 'notMember'
  | 'excluded'
  | 'notHeard'
  | 'refused'
  | 'slow';

/** Whether a connection would receive an emit now. */
export interface ConnectionExplanation {
  readonly receives: boolean;
  /** Empty if it would receive the emit. */
  readonly reasons: readonly NotReceivedReason[];
  /** Since when its server has not heard the channels of the emit. */
  readonly deafSince: Date | undefined;
}
