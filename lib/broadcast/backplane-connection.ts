import type { WebSocket } from 'ws';
import type { Delivery } from '../routing/delivery.js';
import type { AnyEvents, DataOf, EventData, EventName } from './events.js';
import type { InvokeOptions } from './invoke.js';

/**
 * A client, as handlers get it. Not a `ws` socket: that one is `socket`.
 *
 * @typeParam Data what `authenticate` found out about the client
 * @typeParam Events the events that its gateway sends, as in `Broadcaster<Events>`
 */
// `Data` is for callers: `BackplaneConnection<Account>` gives `data` its type.
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
export abstract class BackplaneConnection<Data = unknown, Events extends object = AnyEvents> {
  /**
   * The raw socket. What is written to it directly passes by the order of what `emit` sends, and by `limits.bufferedBytes`:
   * it counts when something is emitted, but nothing limits it by itself. Look at `bufferedAmount` before you write much.
   */
  abstract readonly socket: WebSocket;

  /** What admission found out about the client, else an empty object; the same for the connection's whole life. */
  abstract readonly data: Data;

  /** `<serverId>.<random>`, unique in the farm. */
  abstract get id(): string;

  /** The user that admission recognised. */
  abstract get userId(): string | undefined;

  /** The groups that the connection is in now: a copy. None from the moment when it begins to close, so also in `handleDisconnect`. */
  abstract get groups(): ReadonlySet<string>;

  /**
   * Joins a group. When it resolves, an emit from any server reaches this connection. Joining twice is joining once.
   *
   * @throws NotJoinedError (as a rejection) when the group needs Redis and Redis is not there: it is not joined
   * @throws ConnectionClosedError (as a rejection) when the connection is closed, or begins to close meanwhile
   * @throws InvalidNameError (as a rejection)
   */
  abstract join(group: string): Promise<void>;

  /**
   * Leaves a group. Nothing that is emitted to the group afterwards reaches this connection.
   *
   * @throws InvalidNameError (as a rejection)
   */
  abstract leave(group: string): Promise<void>;

  /**
   * Sends an event to this client alone. Once the connection begins to close it reaches nobody, and resolves with
   * `{ local: 0, backplane: 'notNeeded' }`. An `exception` that is emitted while a frame with an `id` is handled is the
   * answer to that frame, unless it has been answered. Its `cause` is left out when it has more than 16 KiB, or nests
   * deeper than 64 levels: it is mostly what the client sent.
   */
  abstract emit<Name extends EventName<Events>>(
    event: Name,
    ...data: EventData<Events, Name>
  ): Promise<Delivery>;

  /**
   * Sends an event to this client and resolves with its answer.
   *
   * @throws as `broadcaster.connection(id).invoke(…)` does
   */
  abstract invoke<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name>,
    options?: InvokeOptions<T>,
  ): Promise<T>;

  /**
   * Sets when the connection is closed with 1008, instead of when its admission said. Does nothing once it begins to close.
   *
   * @param expiresAt a time; `null` for never
   * @throws InvalidArgumentError
   */
  abstract renew(expiresAt: Date | null): void;

  /**
   * Closes the connection. What was emitted to it before is sent first. From then on it is in no list, group or user, and
   * what its client has sent and no handler has begun with is dropped. `handleDisconnect` runs when the socket is closed,
   * which the client may put off by two seconds. Closing again does nothing.
   *
   * @param code a WebSocket close code: 1000, or 3000 to 4999 for the app's own
   * @param reason at most 123 bytes of UTF-8
   * @throws InvalidCloseError
   */
  abstract close(code?: number, reason?: string): void;
}
