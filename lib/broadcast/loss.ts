import type { TimeOfDay } from '../bus/bus.js';
import type { TargetRef } from '../protocol/target.js';
import type { RoutedLoss } from '../routing/losses.js';
import { BoundTarget } from './bound-target.js';
import type { BroadcastContext } from './broadcast-context.js';
import type { Target } from './target.js';

/** Messages that clients of this server may have missed. */
export interface Loss {
  /** The gateway's path: `/chat`, or `8081/chat` for one with a port of its own. */
  readonly path: string;
  /** Whom the messages were for: all of the path, or certain groups or users. */
  readonly targets: readonly TargetRef[];
  /** When they were sent. The window is at most two seconds wider than the time in which nothing was heard. */
  readonly from: Date;
  readonly to: Date;
  /** `known`: there was such a message; `possible`: whatever was sent then was missed. */
  readonly certainty: 'known' | 'possible';
  /** The server whose messages they are; `undefined` for all servers. */
  readonly origin: string | undefined;
  /** This server's connections concerned: `loss.affected.emit('reload')`. */
  readonly affected: Target;
}

export function toLoss(loss: RoutedLoss, context: BroadcastContext, clock: TimeOfDay): Loss {
  const { path, targets, certainty, origin } = loss;
  return {
    path,
    targets,
    from: new Date(clock.earliest(loss.from)),
    to: new Date(clock.recent(loss.to)),
    certainty,
    origin,
    affected: new BoundTarget({
      context,
      path: () => path,
      targets,
      excluded: [],
      local: true,
      volatile: false,
    }),
  };
}
