import type { Observable } from 'rxjs';
import type { PresenceChange } from '../presence/presence-change.js';
import type { ArgumentList } from '../protocol/argument-list.js';
import type { PendingDelivery } from '../routing/delivery.js';
import type { ConnectionExplanation, Explanation } from '../routing/explanation.js';
import type { MemberCount, MemberList } from '../routing/members.js';
import type { AnyEvents, DataOf, EventArguments, EventData, EventName } from './events.js';
import type { ExplainOptions } from './explain-options.js';
import type { InvokeAllResult, InvokeOptions } from './invoke.js';
import type { MembersOptions } from './members-options.js';

/** Which connections a target can address: those of all servers, or only those of this server. */
export type TargetScope = 'farm' | 'local';

/** What a query returns. A target on this server answers at once, without a promise. */
export type Answer<Scope extends TargetScope, T> = Scope extends 'local' ? T : Promise<T>;

/** A target of one user. */
export interface UserTarget<Events extends object, Scope extends TargetScope> extends Target<Events, Scope> {
  readonly local: UserTarget<Events, 'local'>;

  /**
   * Whether the user has a connection. Servers that died do not count.
   *
   * @throws RepliesMissingError when no server that replied has a connection of the user, and a live server did not reply
   * @throws NotPublishedError, MessageTooLargeError, BackplaneClosedError, PathRequiredError: see {@link Target.count}
   */
  isOnline(): Answer<Scope, boolean>;
}

/** A target of several users. */
export interface UsersTarget<Events extends object, Scope extends TargetScope> extends Target<Events, Scope> {
  readonly local: UsersTarget<Events, 'local'>;

  /**
   * Whether each of the users has a connection, by user id.
   *
   * @throws the same errors as {@link UserTarget.isOnline}
   */
  isOnline(): Answer<Scope, ReadonlyMap<string, boolean>>;
}

/**
 * The recipients of an event: connections of one path, on any server of the farm. A target is immutable, so every call
 * returns a new one.
 *
 * Chained calls form a union: `.group('a').user('u')` addresses the members of the group and the connections of the user.
 * A connection that is in both gets one copy. If nothing is named, all connections of the path are addressed. An empty
 * list of names, as in `.group(...[])`, addresses nobody.
 *
 * A rejection that is not handled does not crash the process. Await every call except `emit` all the same: only `emit`
 * reports its failures elsewhere.
 */
export abstract class Target<Events extends object = AnyEvents, Scope extends TargetScope = TargetScope> {
  /**
   * All connections of the path, on every server.
   *
   * @throws TargetWidenedError when the target already names groups, users or connections
   */
  abstract get all(): Target<Events, Scope>;

  /** Only the recipients on this server. Nothing is sent through Redis, so queries return their result without a promise. */
  abstract get local(): Target<Events, 'local'>;

  /**
   * The same recipients, but messages may be dropped: for clients that read too slowly, and for the other servers while
   * Redis is down. Use it for messages that the next one replaces, such as positions.
   */
  abstract get volatile(): Target<Events, Scope>;

  /**
   * The connections with these ids, on any server.
   *
   * @throws InvalidNameError
   */
  abstract connection(...ids: string[]): Target<Events, Scope>;

  /**
   * The members of these groups.
   *
   * @param names case-sensitive, of at most 4096 bytes in UTF-8
   * @throws InvalidNameError
   */
  abstract group(...names: string[]): Target<Events, Scope>;

  /**
   * All connections of these users. On a path without `authenticate`, no connection has a user.
   *
   * @param ids the users' ids, of at most 4096 bytes in UTF-8
   * @throws InvalidNameError
   */
  abstract user(id: string): UserTarget<Events, Scope>;
  abstract user(...ids: [string, string, ...string[]]): UsersTarget<Events, Scope>;
  abstract user(...ids: string[]): UserTarget<Events, Scope> | UsersTarget<Events, Scope>;

  /**
   * Excludes these connections.
   *
   * @throws InvalidNameError
   */
  abstract except(...connectionIds: string[]): Target<Events, Scope>;

  /**
   * Excludes connections that are in any of these groups when the message arrives at their server.
   *
   * @throws InvalidNameError
   */
  abstract exceptGroup(...names: string[]): Target<Events, Scope>;

  /**
   * Sends an event. Delivers it to this server's own connections synchronously. The promise resolves with what happened to
   * the message on its way to the other servers. Failures are also logged and reported on `errors$`, so the promise
   * does not have to be awaited.
   *
   * @throws NotPublishedError (as a rejection) when Redis did not accept the message; no other server received it. Only with
   * `outage: 'reject'`, or if Redis denies the channel to a buffer
   * @throws PublishOutcomeUnknownError (as a rejection) when Redis did not reply; other servers may have received it. Only with
   * `outage: 'reject'`
   * @throws MessageTooLargeError (as a rejection) when the message exceeds `limits.messageBytes`; no client received it
   * @throws UnsendableDataError (as a rejection) when no client protocol can carry the data, for example a circular object;
   * no client received it
   * @throws InvalidArgumentError (as a rejection) when the event or the data is invalid; no client received it
   * @throws PathRequiredError (as a rejection) on an injected broadcaster, unless the app has exactly one path
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
   * Sends an event to one connection, on any server, and resolves with the client's response. The client receives
   * `{ event, data, id }` and responds with `{ id, data }` or `{ id, error }`.
   *
   * @throws ConnectionNotFoundError (as a rejection, without waiting) when no server holds the connection
   * @throws ConnectionClosedError (as a rejection) when the connection closes before the client responds
   * @throws ServerLostError (as a rejection) when the server that holds the connection dies before the client responds
   * @throws BackplaneClosedError (as a rejection) when this server shuts down before the client responds
   * @throws ClientResultError (as a rejection) when the client responds with an error
   * @throws InvalidResultError (as a rejection) when the response cannot be decoded, or `parse` throws
   * @throws InvokeTimeoutError (as a rejection) when the client does not respond within `timeout`
   * @throws InvokeCanceledError (as a rejection) when `signal` is aborted
   * @throws NotPublishedError, PublishOutcomeUnknownError, MessageTooLargeError, UnsendableDataError (as rejections): see
   * {@link emit}
   * @throws InvokeTargetError (as a rejection) when the target is not exactly one connection
   * @throws InvalidArgumentError, PathRequiredError (as rejections) when an argument is invalid or the path is missing
   */
  abstract invoke<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name> | ArgumentList,
    options?: InvokeOptions<T>,
  ): Promise<T>;

  /**
   * Sends an event to all connections of the target and resolves with the responses of their clients. It resolves when
   * every client has responded or can no longer respond, or after `timeout`. Missing responses do not reject it: see
   * `missing` in the result.
   *
   * @throws InvokeCanceledError (as a rejection) when `signal` is aborted
   * @throws BackplaneClosedError (as a rejection) when this server shuts down before all responses have arrived
   * @throws NotPublishedError, PublishOutcomeUnknownError, MessageTooLargeError, UnsendableDataError (as rejections): see
   * {@link emit}
   * @throws InvalidArgumentError, PathRequiredError (as rejections) when an argument is invalid or the path is missing
   */
  abstract invokeAll<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name> | ArgumentList,
    options?: InvokeOptions<T>,
  ): Promise<InvokeAllResult<T>>;

  /**
   * Adds all connections of the target, on all servers, to a group. Once the promise resolves, emits to the group reach
   * them from every server. Safe to repeat. With `outage: 'local'` or a buffer, a join resolves while Redis is down, too; other
   * servers then reach the connections once the status is `ready`.
   *
   * @param group a case-sensitive name of at most 4096 bytes in UTF-8
   * @throws ConnectionNotFoundError (as a rejection) when no server holds a connection that the target names by its id; the
   * others have joined
   * @throws ServerLostError (as a rejection) when the server that holds such a connection dies before it replies
   * @throws NotJoinedError (as a rejection) when this server cannot subscribe to the group: Redis is down (with
   * `outage: 'reject'`) or denies the channel
   * @throws CommandFailedError (as a rejection) when another server cannot carry out the command, for the same reason
   * @throws CommandTimeoutError (as a rejection) when a live server does not reply within `commandTimeout`
   * @throws BackplaneClosedError (as a rejection) when this server shuts down before all servers have replied
   * @throws NotPublishedError (as a rejection) when Redis is down and no join on this server failed
   * @throws MessageTooLargeError (as a rejection) when the target names too many recipients for `limits.messageBytes`
   * @throws InvalidNameError, PathRequiredError (as rejections) when the group's name is invalid or the path is missing
   */
  abstract join(group: string): Promise<void>;

  /**
   * Removes all connections of the target, on all servers, from a group. Safe to repeat.
   *
   * @throws the same errors as {@link join}, except NotJoinedError
   */
  abstract leave(group: string): Promise<void>;

  /**
   * Closes all connections of the target, on all servers. Messages that this server emitted earlier are delivered first.
   *
   * @param code a WebSocket close code: 1000, or 3000 to 4999 for codes of your own. Default: 1000
   * @param reason at most 123 bytes in UTF-8. Default: empty
   * @throws InvalidCloseError (as a rejection) when the code or the reason is invalid
   * @throws the same errors as {@link join}, except NotJoinedError and InvalidNameError
   */
  abstract disconnect(code?: number, reason?: string): Promise<void>;

  /**
   * Counts the connections of the target on all servers. Includes every connection whose `join` resolved before the call.
   *
   * Servers that do not reply do not make it reject; `missing` names them. They are waited for until they count as dead
   * (4 seconds of silence) or `commandTimeout` is over. While Redis is down, `missing` names all other servers at once.
   *
   * @throws NotPublishedError (as a rejection) when Redis is down and this server has not heard any other server yet, so it
   * cannot say whose connections are missing, or when this server has shut down
   * @throws MessageTooLargeError (as a rejection) when the target names too many recipients for `limits.messageBytes`
   * @throws BackplaneClosedError (as a rejection) when this server shuts down before all servers have replied
   * @throws PathRequiredError (as a rejection) on an injected broadcaster, unless the app has exactly one path
   */
  abstract count(): Answer<Scope, MemberCount>;

  /**
   * Lists the connections of the target on all servers, in no particular order. Waits for the same servers as
   * {@link count}.
   *
   * @throws InvalidArgumentError (as a rejection) when an option is invalid
   * @throws the same errors as {@link count}
   */
  abstract members(options?: MembersOptions): Answer<Scope, MemberList>;

  /**
   * Watches who is in a group, on all servers. Emits a snapshot first, then what changed, at most once per turn of the event
   * loop. A member is a user, or a connection without a user: it joins with its first connection and leaves some time
   * after its last one closed (`presence.grace`), or at once if that left the group. Completes when the app shuts down. If
   * a callback passed to `subscribe` throws, the error is reported on `errors$`.
   *
   * Subscribers of one server share a watch. While nobody watches a group, it costs nothing.
   *
   * @throws InvalidArgumentError (as an error notification) when the target is not exactly one group
   * @throws PathRequiredError (as an error notification) on an injected broadcaster, unless the app has exactly one path
   */
  abstract get presence$(): Observable<PresenceChange>;

  /**
   * Says who would receive an emit to this target now, on each server, what it would cost, and what the outage policy would
   * do with it. Emits nothing. Uses the functions that deliver messages, so it cannot disagree with them.
   *
   * @throws InvalidArgumentError, UnsendableDataError (as rejections) when an option is invalid
   * @throws the same errors as {@link count}
   */
  abstract explain(options?: ExplainOptions): Answer<Scope, Explanation>;
  /**
   * Says why the connection that this target names would or would not receive an emit of this server to another target:
   * `server.connection(id).explain(server.group('room'))`.
   *
   * @throws InvalidArgumentError (as a rejection) when this target is not exactly one connection
   * @throws the same errors as {@link count}
   */
  abstract explain(target: Target<Events>): Promise<ConnectionExplanation>;
}
