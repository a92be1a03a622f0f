import type { BusLoss } from '../bus/bus.js';
import { ALL, type TargetRef } from '../protocol/target.js';
import type { Roster } from './roster.js';

/** Messages that connections of one path may have missed. Times are those of the bus's clock. */
export interface RoutedLoss extends Omit<BusLoss, 'channels'> {
  readonly path: string;
  readonly targets: readonly TargetRef[];
}

/** Converts a loss of the bus to one loss per path that has connections concerned. */
export function lossesOf({ channels, ...window }: BusLoss, roster: Roster): RoutedLoss[] {
  const concerned = channels === 'all' ? undefined : channels.map((channel) => roster.targetOf(channel));
  return roster.paths.flatMap((path) => {
    const members = roster.members(path);
    if (!members || members.size === 0) return [];
    // A channel stays subscribed for a second after its last member has left.
    const targets = targetsOf(path, concerned).filter((target) => members.has(target));
    return targets.length > 0 ? [{ ...window, path, targets }] : [];
  });
}

function targetsOf(path: string, concerned: ReturnType<Roster['targetOf']>[] | undefined): TargetRef[] {
  if (!concerned) return [ALL];
  // A channel without a known target is one for servers, which carries messages for connections of any path.
  return concerned.flatMap((known) =>
    known === undefined ? [ALL] : known.path === path ? [known.target] : [],
  );
}
