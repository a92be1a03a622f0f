import type { BusLoss } from '../bus/bus.js';
import { ALL, type TargetRef } from '../protocol/target.js';
import type { Roster } from './roster.js';

/** What connections of one path may have missed. */
export interface RoutedLoss extends Omit<BusLoss, 'channels'> {
  readonly path: string;
  readonly targets: readonly TargetRef[];
}

/** One loss for each path whose clients it concerns. Where there are no clients, nobody missed anything. */
export function lossesOf({ channels, ...window }: BusLoss, roster: Roster): RoutedLoss[] {
  const concerned = channels === 'all' ? undefined : channels.map((channel) => roster.targetOf(channel));
  return roster.paths
    .filter((path) => (roster.members(path)?.size ?? 0) > 0)
    .map((path) => ({ ...window, path, targets: targetsOf(path, concerned) }))
    .filter(({ targets }) => targets.length > 0);
}

function targetsOf(path: string, concerned: ReturnType<Roster['targetOf']>[] | undefined): TargetRef[] {
  if (!concerned) return [ALL];
  // A channel for this server carries messages for connections of any path.
  return concerned.flatMap((known) =>
    known === undefined ? [ALL] : known.path === path ? [known.target] : [],
  );
}
