import type { TimeOfDay } from '../bus/bus.js';
import type { TargetRef } from '../protocol/target.js';
import type { RoutedLoss } from '../routing/losses.js';
import { BoundLocalTarget } from './bound-local-target.js';
import type { BroadcastContext } from './broadcast-context.js';
import type { AnyEvents } from './events.js';
import type { Target } from './target.js';

/** Messages that clients of this server may have missed, as `loss$` reports them. */
export interface Loss {
  /** The gateway's path: `/chat`, or `8081/chat` for a gateway with its own port. */
  readonly path: string;
  /** The targets of the messages: all connections of the path, or certain groups, users or connections. */
  readonly targets: readonly TargetRef[];
  /**
   * The start of the window in which they were sent. The window is at most two seconds wider than the time in which
   * nothing was heard.
   */
  readonly from: Date;
  /** The end of the window. */
  readonly to: Date;
  /** `known`: at least one message was missed; `possible`: messages were missed if any were sent in the window. */
  readonly certainty: 'known' | 'possible';
  /** The id of the server that sent them; `undefined` for all servers. */
  readonly origin: string | undefined;
  /** The affected connections on this server, as a target: `loss.affected.emit('reload')`. */
  readonly affected: Target<AnyEvents, 'local'>;
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
    affected: new BoundLocalTarget({
      context,
      path: () => path,
      targets,
      excluded: [],
      local: true,
      volatile: false,
    }),
  };
}
