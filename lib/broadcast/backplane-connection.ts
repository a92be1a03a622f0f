import type { WebSocket } from 'ws';
import type { ArgumentList } from '../protocol/argument-list.js';
import type { PendingDelivery } from '../routing/delivery.js';
import type { AnyEvents, DataOf, EventArguments, EventData, EventName } from './events.js';
import type { InvokeOptions } from './invoke.js';

/**
 * A client's connection to this server. Handlers and hooks of gateways get it as their `client`, in place of a `ws` socket.
 *
 * @typeParam Data the type of `data`, which `authenticate` returns
 * @typeParam Events the events that the gateway sends, as in `Broadcaster<Events>`
 */
// `Data` is for callers: `BackplaneConnection<Account>` gives `data` its type.
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
export abstract class BackplaneConnection<Data = unknown, Events extends object = AnyEvents> {
  /**
   * The underlying `ws` socket. What you send on it directly may overtake messages of `emit`. It counts towards
   * `limits.bufferedBytes`, but that limit is enforced only on the next emit. So check `bufferedAmount` before you send
   * large amounts.
   *
   * When a SignalR client with stateful reconnect resumes its connection, this becomes another socket. Listeners that you
   * added to the former one are lost.
   */
  abstract readonly socket: WebSocket;

  /** The `data` that `authenticate` returned, or an empty object. Stays the same object for as long as the connection exists. */
  abstract readonly data: Data;

  /**
   * The id of the connection, unique in the farm: `<serverId>.<random>`. For a SignalR client that negotiates, it is
   * `~<random>`, which does not name the server.
   */
  abstract get id(): string;

  /** The `userId` that `authenticate` returned, if any. A user may have many connections. */
  abstract get userId(): string | undefined;

  /**
   * A copy of the set of groups that the connection is in. Empty from the moment the connection begins to close, and
   * therefore in `handleDisconnect`.
   */
  abstract get groups(): ReadonlySet<string>;

  /**
   * Joins a group. Once the promise resolves, emits to the group reach this connection from every server. Joining a group
   * again has no effect. A rejection that is not handled does not crash the process.
   *
   * @param group a case-sensitive name of at most 4096 bytes in UTF-8
   * @throws NotJoinedError (as a rejection) when Redis is down or refuses the channel. The connection is not in the group
   * then. With `outage: 'local'` or a buffer, the join resolves and the membership is kept.
   * @throws ConnectionClosedError (as a rejection) when the connection is closed, or begins to close during the join
   * @throws InvalidNameError (as a rejection)
   */
  abstract join(group: string): Promise<void>;

  /**
   * Leaves a group. Messages that are emitted to the group afterwards do not reach this connection. A rejection that is not
   * handled does not crash the process.
   *
   * @throws InvalidNameError (as a rejection)
   */
  abstract leave(group: string): Promise<void>;

  /**
   * Sends an event to this client only. After the connection begins to close, nothing is sent, and the promise resolves
   * with `{ local: 0, backplane: 'notNeeded' }`. Failures are also reported on `errors$`, so the promise does not have to
   * be awaited.
   *
   * An `exception` emitted while a frame with an `id` is being handled becomes the reply to that frame, unless it already
   * has one. The exception's `cause` is mostly what the client sent, so a cause larger than about 16 KiB, or nested deeper
   * than 64 levels, is omitted.
   *
   * @throws UnsendableDataError (as a rejection) when no client protocol can carry the data, for example a circular object
   * @throws InvalidArgumentError (as a rejection) when the event or the data is invalid
   */
  abstract emit<Name extends EventName<Events>>(
    event: Name,
    ...data: EventData<Events, Name>
  ): PendingDelivery;

  /**
   * Sends an event with any number of arguments. The handler of a SignalR client gets them as separate arguments. A plain
   * client gets the only argument as its `data`, and several as an array. Otherwise like {@link emit}, with the same errors.
   */
  abstract send<Name extends EventName<Events>>(
    event: Name,
    ...args: EventArguments<Events, Name>
  ): PendingDelivery;

  /**
   * Sends an event to this client and resolves with its response. A rejection that is not handled does not crash the process.
   *
   * @throws the same errors as `Target.invoke`, as rejections
   */
  abstract invoke<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name> | ArgumentList,
    options?: InvokeOptions<T>,
  ): Promise<T>;

  /**
   * Changes when the connection expires, in place of the `expiresAt` that `authenticate` returned. When it expires, it is
   * closed with 1008. Has no effect after the connection begins to close.
   *
   * @param expiresAt when to close the connection, or `null` for never
   * @throws InvalidArgumentError when it is neither a valid Date nor `null`
   */
  abstract renew(expiresAt: Date | null): void;

  /**
   * Closes the connection, after sending what was emitted to it before. The connection leaves all lists, groups and its
   * user at once. Messages from its client that no handler has started on are dropped. `handleDisconnect` runs when the
   * socket has closed, which the client can delay by up to two seconds. Closing again has no effect.
   *
   * @param code a WebSocket close code: 1000, or 3000 to 4999 for codes of your own. Default: 1000
   * @param reason at most 123 bytes in UTF-8. Default: empty
   * @throws InvalidCloseError when the code or the reason is invalid
   */
  abstract close(code?: number, reason?: string): void;
}
