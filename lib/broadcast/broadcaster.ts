import type { Type } from '@nestjs/common';
import type { BackplaneConnection } from './backplane-connection.js';
import type { Dispatcher } from './dispatcher.js';
import type { AnyEvents } from './events.js';
import { gatewayPath } from './gateway-path.js';
import { PathRequiredError } from './broadcast.errors.js';
import { Target } from './target.js';

/**
 * Sends events to connections of every server of the farm. Injected anywhere, and what `@WebSocketServer()`
 * gives a gateway, bound to the gateway's path. It is itself the target of all connections of its path.
 */
export class Broadcaster<Events extends object = AnyEvents> extends Target<Events> {
  /** @internal */
  constructor(dispatcher: Dispatcher, path = () => onlyPath(dispatcher)) {
    super({ dispatcher, path, targets: [], excluded: [], local: false, volatile: false });
  }

  /** This server's own connections of the path. */
  get connections(): Iterable<BackplaneConnection> {
    return this.state.dispatcher.connections(this.state.path());
  }

  /**
   * The broadcaster of another gateway's path, which need not be served by this process.
   *
   * @param gateway the gateway's class, or its path: `/chat`, or `8081/chat` for one with a port of its own
   */
  gateway<Other extends object = AnyEvents>(gateway: Type | string): Broadcaster<Other> {
    const path = gatewayPath(gateway);
    return new Broadcaster<Other>(this.state.dispatcher, () => path);
  }
}

function onlyPath(dispatcher: Dispatcher): string {
  const [path, ...others] = dispatcher.openPaths;
  if (path === undefined || others.length > 0) throw new PathRequiredError(dispatcher.openPaths);
  return path;
}
