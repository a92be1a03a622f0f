import type { Deferred } from './deferred.js';

/** The state of a wanted channel's subscription. */
export interface Wanted {
  state: 'idle' | 'pending' | 'subscribed' | 'denied';
  /** Settles with the SUBSCRIBE in flight; `undefined` if there is none. */
  pending: Deferred | undefined;
  /** Since when the channel is wanted but not heard; `undefined` while it is subscribed. */
  deafSince: number | undefined;
  /** The last time at which its messages provably arrived. */
  provedAt: number;
  /** Whether the audit has found that the subscription was gone. */
  wasLost: boolean;
}

export function wantedSince(now: number): Wanted {
  return { state: 'idle', pending: undefined, deafSince: now, provedAt: now, wasLost: false };
}
