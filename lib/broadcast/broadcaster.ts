import type { Type } from '@nestjs/common';
import type { BackplaneConnection } from './backplane-connection.js';
import type { AnyEvents } from './events.js';
import { Target } from './target.js';

/**
 * Sends events to connections on all servers of the farm. As a {@link Target}, it addresses all connections of its path.
 *
 * In a gateway, `@WebSocketServer()` injects the broadcaster of the gateway's path. Elsewhere, inject `Broadcaster` and
 * call `gateway(ChatGateway)`; an app with a single path does not need that call.
 *
 * @typeParam Events the events that the gateway sends, such as `{ joined: { id: string } }`
 */
export abstract class Broadcaster<Events extends object = AnyEvents> extends Target<Events, 'farm'> {
  /**
   * The open connections of the path on this server. To reach a connection on any server, use {@link Target.connection}.
   *
   * @throws PathRequiredError on an injected broadcaster, unless the app has exactly one path
   */
  abstract get localConnections(): Iterable<BackplaneConnection<unknown, Events>>;

  /**
   * Returns the broadcaster of a gateway's path. This process does not have to serve the gateway itself.
   *
   * @param gateway the gateway's class, or its path: `/chat`, or `8081/chat` for a gateway with its own port
   * @throws NotAGatewayError when the class has no `@WebSocketGateway()` decorator
   * @throws InvalidArgumentError when it is neither a class nor a valid path
   * @throws InvalidPathError when the path in the class's `@WebSocketGateway()` is invalid
   */
  abstract gateway<Other extends object = AnyEvents>(gateway: Type | string): Broadcaster<Other>;
}
