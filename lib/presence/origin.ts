import type { PresenceDiff } from '../protocol/presence-records.js';
import type { PresenceJoin } from './presence-change.js';

/** What is known of another server's rows. */
export interface Origin {
  /** `undefined` until its rows have arrived. */
  version: number | undefined;
  /** Whether its rows have been requested. */
  isAsked: boolean;
  /** Rises when an answer that is under way may be too old. */
  epoch: number;
  /** Changes that arrived in the meantime. */
  waiting: PresenceDiff[];
  /** What `joined` says of its rows. */
  cause: PresenceJoin['cause'];
  /** The version in the last digest, if it differed from ours. */
  doubted: number | undefined;
}

export function newOrigin(): Origin {
  return { version: undefined, isAsked: false, epoch: 0, waiting: [], cause: 'joined', doubted: undefined };
}
