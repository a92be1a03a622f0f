import type { Delivery } from '../routing/delivery.js';
import type { AnyEvents, DataOf, EventData, EventName } from './events.js';
import type { InvokeAllResult, InvokeOptions } from './invoke.js';

/**
 * Whom an emit addresses. Immutable; chaining unites: `.group('a').user('u')` are the members of the group
 * and the connections of the user, and a connection that is both gets one copy. While no target is named, it is all
 * connections of the path; an empty list of names, as in `.group(...[])`, is nobody.
 */
export abstract class Target<Events extends object = AnyEvents> {
  /**
   * All connections of the path, on every server.
   *
   * @throws TargetWidenedError on a target that names groups, users or connections already
   */
  abstract get all(): Target<Events>;

  /** Only this server's own connections: nothing goes through Redis. */
  abstract get local(): Target<Events>;

  /** The message may be dropped: for a connection that reads too slowly, or for the other servers in an outage. */
  abstract get volatile(): Target<Events>;

  /** The connections with these ids, wherever they are. */
  abstract connection(...ids: string[]): Target<Events>;

  /** The members of these groups. Names are case-sensitive. */
  abstract group(...names: string[]): Target<Events>;

  /** The connections of these users. */
  abstract user(...ids: string[]): Target<Events>;

  /** Leaves these connections out. */
  abstract except(...connectionIds: string[]): Target<Events>;

  /** Leaves out who is in one of these groups when the message arrives at their server. */
  abstract exceptGroup(...names: string[]): Target<Events>;

  /**
   * Sends an event. This server's own connections have it when the call returns; the promise tells what became
   * of it for the other servers, and may be left alone: a failure is also on `errors$` and in the log.
   *
   * @throws NotPublishedError (as a rejection) when Redis certainly did not take it
   * @throws PublishOutcomeUnknownError (as a rejection) when it was written and no reply came
   * @throws MessageTooLargeError (as a rejection) when it has more than `limits.messageBytes`; nobody got it
   * @throws UnsendableDataError (as a rejection) when no client protocol can carry the data, such as a circular object; nobody got it
   * @throws InvalidArgumentError, PathRequiredError (as rejections); nobody got it
   */
  abstract emit<Name extends EventName<Events>>(
    event: Name,
    ...data: EventData<Events, Name>
  ): Promise<Delivery>;

  /**
   * Sends an event to one connection, wherever it is, and resolves with its client's answer: the client gets
   * `{ event, data, id }` and sends `{ id, data }`, or `{ id, error }`.
   *
   * @throws ConnectionNotFoundError (as a rejection, at once) when no server holds the connection
   * @throws ConnectionClosedError, ServerLostError (as rejections) when the client, or its server, goes before it answers
   * @throws ClientResultError (as a rejection) when the client answers with an error
   * @throws InvalidResultError (as a rejection) when `parse` does not take the answer
   * @throws InvokeTimeoutError, InvokeCanceledError (as rejections)
   * @throws NotPublishedError, PublishOutcomeUnknownError, MessageTooLargeError (as rejections): see {@link emit}
   * @throws InvokeTargetError (as a rejection) when the target is not exactly one connection
   * @throws InvalidArgumentError, PathRequiredError (as rejections): nobody was asked
   */
  abstract invoke<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name>,
    options?: InvokeOptions<T>,
  ): Promise<T>;

  /**
   * Sends an event to every connection of the target and resolves with what their clients answered: when all
   * have, or cannot any more, or after the timeout. Does not reject because some did not answer.
   *
   * @throws InvokeCanceledError, NotPublishedError, PublishOutcomeUnknownError, MessageTooLargeError (as rejections)
   */
  abstract invokeAll<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name>,
    options?: InvokeOptions<T>,
  ): Promise<InvokeAllResult<T>>;

  /**
   * Lets all connections of the target join a group, on whatever server they are. When it resolves, an emit
   * from any server reaches them there. Safe to repeat.
   *
   * @throws ConnectionNotFoundError (as a rejection, at once) when a connection named by its id is nowhere; the others have joined
   * @throws ServerLostError (as a rejection) when the server of a connection named by its id died meanwhile
   * @throws CommandFailedError, NotJoinedError (as rejections) when a server concerned is cut off from Redis
   * @throws CommandTimeoutError (as a rejection) when a server is alive and does not answer
   * @throws NotPublishedError (as a rejection) when Redis is not there; this server's own connections have joined
   */
  abstract join(group: string): Promise<void>;

  /**
   * Lets all connections of the target leave a group, on whatever server they are. Safe to repeat.
   *
   * @throws as {@link join} does
   */
  abstract leave(group: string): Promise<void>;

  /**
   * Closes all connections of the target, on whatever server they are. What was emitted to them before arrives first.
   *
   * @param code a WebSocket close code: 1000, or 3000 to 4999 for the app's own
   * @param reason at most 123 bytes of UTF-8
   * @throws InvalidCloseError (as a rejection) when the code or the reason cannot be sent
   * @throws as {@link join} does
   */
  abstract disconnect(code?: number, reason?: string): Promise<void>;
}
