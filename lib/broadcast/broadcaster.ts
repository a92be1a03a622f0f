import type { Type } from '@nestjs/common';
import type { BackplaneConnection } from './backplane-connection.js';
import type { AnyEvents } from './events.js';
import { Target } from './target.js';

/**
 * Sends events to connections of every server of the farm. Injected anywhere, and what `@WebSocketServer()`
 * gives a gateway, bound to the gateway's path. It is itself the target of all connections of its path.
 */
export abstract class Broadcaster<Events extends object = AnyEvents> extends Target<Events> {
  /** The connections of the path on this server. For those of all servers, see {@link Target.connection}. */
  abstract get localConnections(): Iterable<BackplaneConnection<unknown, Events>>;

  /**
   * The broadcaster of another gateway's path, which need not be served by this process.
   *
   * @param gateway the gateway's class, or its path: `/chat`, or `8081/chat` for one with a port of its own
   * @throws NotAGatewayError
   */
  abstract gateway<Other extends object = AnyEvents>(gateway: Type | string): Broadcaster<Other>;
}
