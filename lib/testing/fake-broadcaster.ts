import type { ArgumentList } from '../protocol/argument-list.js';
import type { Type } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { PresenceChange } from '../presence/presence-change.js';
import type { BackplaneConnection } from '../broadcast/backplane-connection.js';
import type { Broadcaster } from '../broadcast/broadcaster.js';
import type { AnyEvents, DataOf, EventArguments, EventData, EventName } from '../broadcast/events.js';
import type { ExplainOptions } from '../broadcast/explain-options.js';
import { gatewayPath } from '../broadcast/gateway-path.js';
import type { InvokeAllResult, InvokeOptions } from '../broadcast/invoke.js';
import type { MembersOptions } from '../broadcast/members-options.js';
import { Target, type UsersTarget, type UserTarget } from '../broadcast/target.js';
import type { Delivery } from '../routing/delivery.js';
import type { ConnectionExplanation, Explanation } from '../routing/explanation.js';
import type { MemberCount, MemberList } from '../routing/members.js';
import { FakeFarm } from './fake-farm.js';
import { FakeTarget } from './fake-target.js';
import type { RecordedEmits } from './recorded-emits.js';
import type { Reply } from './replies.js';

/**
 * Takes the place of a `Broadcaster` in a unit test: no server, no Redis, no sockets. Records what is emitted in the same
 * form as `recordEmits`, and refuses the same arguments as the real one.
 *
 * ```ts
 * const broadcaster = new FakeBroadcaster(ScoreGateway);
 * await new ScoreGateway(broadcaster).goal({ match: 'final', team: 'Peru' });
 * expect(broadcaster.emits.all).toEqual([
 *   { path: '/score', target: { group: ['final'] }, event: 'scored', data: { team: 'Peru' } },
 * ]);
 * ```
 *
 * To inject it: `{ provide: Broadcaster, useValue: new FakeBroadcaster(ScoreGateway) }`.
 */
export class FakeBroadcaster<Events extends object = AnyEvents>
  extends Target<Events, 'farm'>
  implements Broadcaster<Events>
{
  private readonly path: string;
  private farm = new FakeFarm();

  /**
   * @param gateway the gateway's class or path, which is the `path` of what is recorded. Default: `/`
   * @throws NotAGatewayError, InvalidArgumentError, InvalidPathError
   */
  constructor(gateway: Type | string = '/') {
    super();
    this.path = gatewayPath(gateway);
  }

  /** Everything emitted through this fake, through its targets, and through the fakes that `gateway()` returned. */
  get emits(): RecordedEmits {
    return this.farm.emits;
  }

  /**
   * The connections that the code under test finds on this server. Push `FakeConnection`s into it. Emits do not reach them;
   * `count`, `members` and `isOnline` find them.
   */
  get localConnections(): BackplaneConnection<unknown, Events>[] {
    return this.farm.connectionsOf(this.path);
  }

  /**
   * Sets the reply of every client to `invoke` and `invokeAll` of an event. Without one, `invoke` rejects.
   *
   * @param reply may return a promise. What it throws becomes a `ClientResultError`; an error of this library, such as
   * `new InvokeTimeoutError(id, 5000)`, stays what it is
   */
  reply(event: EventName<Events>, reply: Reply): void {
    this.farm.replies.set(event, reply);
  }

  gateway<Other extends object = AnyEvents>(gateway: Type | string): FakeBroadcaster<Other> {
    const other = new FakeBroadcaster<Other>(gateway);
    other.farm = this.farm;
    return other;
  }

  override get all(): Target<Events, 'farm'> {
    return this.everyone.all;
  }

  override get local(): Target<Events, 'local'> {
    return this.everyone.local;
  }

  override get volatile(): Target<Events, 'farm'> {
    return this.everyone.volatile;
  }

  override connection(...ids: string[]): Target<Events, 'farm'> {
    return this.everyone.connection(...ids);
  }

  override group(...names: string[]): Target<Events, 'farm'> {
    return this.everyone.group(...names);
  }

  override user(id: string): UserTarget<Events, 'farm'>;
  override user(...ids: [string, string, ...string[]]): UsersTarget<Events, 'farm'>;
  override user(...ids: string[]): UserTarget<Events, 'farm'> | UsersTarget<Events, 'farm'>;
  override user(...ids: string[]): UserTarget<Events, 'farm'> | UsersTarget<Events, 'farm'> {
    return this.everyone.user(...ids);
  }

  override except(...connectionIds: string[]): Target<Events, 'farm'> {
    return this.everyone.except(...connectionIds);
  }

  override exceptGroup(...names: string[]): Target<Events, 'farm'> {
    return this.everyone.exceptGroup(...names);
  }

  override emit<Name extends EventName<Events>>(
    event: Name,
    ...data: EventData<Events, Name>
  ): Promise<Delivery> {
    return this.everyone.emit(event, ...data);
  }

  override send<Name extends EventName<Events>>(
    event: Name,
    ...args: EventArguments<Events, Name>
  ): Promise<Delivery> {
    return this.everyone.send(event, ...args);
  }

  override invoke<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name> | ArgumentList,
    options?: InvokeOptions<T>,
  ): Promise<T> {
    return this.everyone.invoke(event, data, options);
  }

  override invokeAll<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name> | ArgumentList,
    options?: InvokeOptions<T>,
  ): Promise<InvokeAllResult<T>> {
    return this.everyone.invokeAll(event, data, options);
  }

  override join(group: string): Promise<void> {
    return this.everyone.join(group);
  }

  override leave(group: string): Promise<void> {
    return this.everyone.leave(group);
  }

  override disconnect(code?: number, reason?: string): Promise<void> {
    return this.everyone.disconnect(code, reason);
  }

  override count(): Promise<MemberCount> {
    return this.everyone.count();
  }

  override members(options?: MembersOptions): Promise<MemberList> {
    return this.everyone.members(options);
  }

  override explain(options?: ExplainOptions): Promise<Explanation>;
  override explain(target: Target<Events>): Promise<ConnectionExplanation>;
  override explain(
    question: ExplainOptions | Target<Events> = {},
  ): Promise<ConnectionExplanation | Explanation> {
    return question instanceof Target ? this.everyone.explain(question) : this.everyone.explain(question);
  }

  override get presence$(): Observable<PresenceChange> {
    return this.everyone.presence$;
  }

  private get everyone(): FakeTarget<Events> {
    const { farm, path } = this;
    return new FakeTarget({ farm, path, targets: undefined, excluded: [], local: false, volatile: false });
  }
}
