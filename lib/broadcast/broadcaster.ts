import type { Type } from '@nestjs/common';
import type { BackplaneConnection } from './backplane-connection.js';
import { PathRequiredError } from './broadcast.errors.js';
import type { BroadcastContext } from './broadcast-context.js';
import type { Connections } from './connections.js';
import type { AnyEvents } from './events.js';
import { gatewayPath } from './gateway-path.js';
import { Target } from './target.js';

/**
 * Sends events to connections of every server of the farm. Injected anywhere, and what `@WebSocketServer()`
 * gives a gateway, bound to the gateway's path. It is itself the target of all connections of its path.
 */
export class Broadcaster<Events extends object = AnyEvents> extends Target<Events> {
  /** @internal */
  constructor(
    context: BroadcastContext,
    private readonly ownConnections: Connections,
    path = () => onlyPath(context.router.roster.paths),
  ) {
    super({ context, path, targets: undefined, excluded: [], local: false, volatile: false });
  }

  /** This server's own connections of the path. */
  get connections(): Iterable<BackplaneConnection<unknown, Events>> {
    return this.ownConnections.of(this.state.path());
  }

  /**
   * The broadcaster of another gateway's path, which need not be served by this process.
   *
   * @param gateway the gateway's class, or its path: `/chat`, or `8081/chat` for one with a port of its own
   * @throws NotAGatewayError
   */
  gateway<Other extends object = AnyEvents>(gateway: Type | string): Broadcaster<Other> {
    const path = gatewayPath(gateway);
    return new Broadcaster<Other>(this.state.context, this.ownConnections, () => path);
  }
}

function onlyPath(paths: readonly string[]): string {
  const [path, ...others] = paths;
  if (path === undefined || others.length > 0) throw new PathRequiredError(paths);
  return path;
}
