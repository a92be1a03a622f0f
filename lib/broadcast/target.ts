import { ALL, type TargetRef } from '../protocol/target.js';
import type { Delivery } from '../routing/delivery.js';
import { checkGroup, checkNames } from './arguments.js';
import { TargetWidenedError } from './broadcast.errors.js';
import { checkClose } from './close-code.js';
import type { Dispatcher, Scope } from './dispatcher.js';
import type { AnyEvents, DataOf, EventData, EventName } from './events.js';
import type { InvokeAllResult, InvokeOptions } from './invoke.js';

const EVERYONE: readonly TargetRef[] = [ALL];

/** What a target is made of. It never changes: every call on a target makes a new one. */
export interface TargetState {
  readonly dispatcher: Dispatcher;
  /** The path's key; a function because an unbound broadcaster finds it only when it is needed. */
  readonly path: () => string;
  /** `undefined` while no target is named, which means everyone; an empty list is nobody. */
  readonly targets: readonly TargetRef[] | undefined;
  readonly excluded: readonly TargetRef[];
  readonly local: boolean;
  readonly volatile: boolean;
}

/**
 * Whom an emit addresses. Immutable; chaining unites: `.group('a').user('u')` are the members of the group
 * and the connections of the user, and a connection that is both gets one copy. While no target is named, it is all
 * connections of the path; an empty list of names, as in `.group(...[])`, is nobody.
 */
export class Target<Events extends object = AnyEvents> {
  /** @internal */
  constructor(protected readonly state: TargetState) {}

  /**
   * All connections of the path, on every server.
   *
   * @throws TargetWidenedError on a target that names groups, users or connections already
   */
  get all(): Target<Events> {
    const { targets } = this.state;
    if (targets && !targets.some(({ kind }) => kind === 'all')) throw new TargetWidenedError();
    return new Target({ ...this.state, targets: [ALL] });
  }

  /** Only this server's own connections: nothing goes through Redis. */
  get local(): Target<Events> {
    return new Target({ ...this.state, local: true });
  }

  /** The message may be dropped: for a connection that reads too slowly, or for the other servers in an outage. */
  get volatile(): Target<Events> {
    return new Target({ ...this.state, volatile: true });
  }

  /** The connections with these ids, wherever they are. */
  connection(...ids: string[]): Target<Events> {
    return this.with('connection', checkNames('connection', ids));
  }

  /** The members of these groups. Names are case-sensitive. */
  group(...names: string[]): Target<Events> {
    return this.with('group', checkNames('group', names));
  }

  /** The connections of these users. */
  user(...ids: string[]): Target<Events> {
    return this.with('user', checkNames('user', ids));
  }

  /** Leaves these connections out. */
  except(...connectionIds: string[]): Target<Events> {
    return this.without('connection', checkNames('connection', connectionIds));
  }

  /** Leaves out who is in one of these groups when the message arrives at their server. */
  exceptGroup(...names: string[]): Target<Events> {
    return this.without('group', checkNames('group', names));
  }

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
  emit<Name extends EventName<Events>>(event: Name, ...data: EventData<Events, Name>): Promise<Delivery> {
    const { dispatcher, local, volatile } = this.state;
    return dispatcher.emit(() => this.scope.address, event, data[0], { local, volatile });
  }

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
  async invoke<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name>,
    options: InvokeOptions<T> = {},
  ): Promise<T> {
    return this.state.dispatcher.invoke(this.scope, event, data, options);
  }

  /**
   * Sends an event to every connection of the target and resolves with what their clients answered: when all
   * have, or cannot any more, or after the timeout. Does not reject because some did not answer.
   *
   * @throws InvokeCanceledError, NotPublishedError, PublishOutcomeUnknownError, MessageTooLargeError (as rejections)
   */
  async invokeAll<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name>,
    options: InvokeOptions<T> = {},
  ): Promise<InvokeAllResult<T>> {
    return this.state.dispatcher.invokeAll(this.scope, event, data, options);
  }

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
  async join(group: string): Promise<void> {
    checkGroup(group);
    await this.state.dispatcher.command(this.scope, { name: 'join', group });
  }

  /**
   * Lets all connections of the target leave a group, on whatever server they are. Safe to repeat.
   *
   * @throws as {@link join} does
   */
  async leave(group: string): Promise<void> {
    checkGroup(group);
    await this.state.dispatcher.command(this.scope, { name: 'leave', group });
  }

  /**
   * Closes all connections of the target, on whatever server they are. What was emitted to them before arrives first.
   *
   * @param code a WebSocket close code: 1000, or 3000 to 4999 for the app's own
   * @param reason at most 123 bytes of UTF-8
   * @throws InvalidCloseError (as a rejection) when the code or the reason cannot be sent
   * @throws as {@link join} does
   */
  async disconnect(code = 1000, reason = ''): Promise<void> {
    checkClose(code, reason);
    await this.state.dispatcher.command(this.scope, { name: 'disconnect', code, reason });
  }

  protected get scope(): Scope {
    const { path, targets, excluded, local } = this.state;
    return { address: { path: path(), targets: targets ?? EVERYONE, excluded }, local };
  }

  private with(kind: TargetRef['kind'], names: readonly string[]): Target<Events> {
    const targets = [...(this.state.targets ?? []), ...names.map((name) => ({ kind, name }))];
    return new Target({ ...this.state, targets });
  }

  private without(kind: TargetRef['kind'], names: readonly string[]): Target<Events> {
    const excluded = [...this.state.excluded, ...names.map((name) => ({ kind, name }))];
    return new Target({ ...this.state, excluded });
  }
}
