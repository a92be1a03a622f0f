import type { Type } from '@nestjs/common';
import type { BackplaneConnection } from './backplane-connection.js';
import { BoundTarget } from './bound-target.js';
import type { BroadcastContext } from './broadcast-context.js';
import { PathRequiredError } from './broadcast.errors.js';
import type { Broadcaster } from './broadcaster.js';
import type { Connections } from './connections.js';
import type { AnyEvents } from './events.js';
import { gatewayPath } from './gateway-path.js';

/** The broadcaster of one path. By default, of the only path that this app has. */
export class BoundBroadcaster<Events extends object = AnyEvents>
  extends BoundTarget<Events>
  implements Broadcaster<Events>
{
  constructor(
    context: BroadcastContext,
    private readonly ownConnections: Connections,
    path = () => onlyPath(context.router.roster.paths),
  ) {
    super({ context, path, targets: undefined, excluded: [], local: false, volatile: false });
  }

  get localConnections(): Iterable<BackplaneConnection<unknown, Events>> {
    return this.ownConnections.of(this.state.path());
  }

  gateway<Other extends object = AnyEvents>(gateway: Type | string): Broadcaster<Other> {
    const path = gatewayPath(gateway);
    return new BoundBroadcaster<Other>(this.state.context, this.ownConnections, () => path);
  }
}

function onlyPath(paths: readonly string[]): string {
  const [path, ...others] = paths;
  if (path === undefined || others.length > 0) throw new PathRequiredError(paths);
  return path;
}
