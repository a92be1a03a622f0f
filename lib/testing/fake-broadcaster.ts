import type { Type } from '@nestjs/common';
import { checkGroup, checkInvokeOptions, checkNames } from '../broadcast/arguments.js';
import type { BackplaneConnection } from '../broadcast/backplane-connection.js';
import { TargetWidenedError } from '../broadcast/broadcast.errors.js';
import type { Broadcaster } from '../broadcast/broadcaster.js';
import { checkClose } from '../broadcast/close-code.js';
import type { AnyEvents, DataOf, EventData, EventName } from '../broadcast/events.js';
import { gatewayPath } from '../broadcast/gateway-path.js';
import type { InvokeAllResult, InvokeOptions, InvokeResponse } from '../broadcast/invoke.js';
import { Target } from '../broadcast/target.js';
import type { CommandAction } from '../protocol/command-record.js';
import { ALL, type Address, type TargetRef } from '../protocol/target.js';
import { Delivery } from '../routing/delivery.js';
import { InvokeTargetError } from '../routing/request.errors.js';
import { FAKE_PROTOCOLS, fakeMessage, refused } from './fake-message.js';
import { RecordedEmits } from './recorded-emits.js';
import { type Reply, Replies } from './replies.js';

interface FakeTarget {
  readonly targets: readonly TargetRef[] | undefined;
  readonly excluded: readonly TargetRef[];
  readonly local: boolean;
  readonly volatile: boolean;
}

const EVERYONE: FakeTarget = { targets: undefined, excluded: [], local: false, volatile: false };

/** What a fake shares with its targets and with the fakes of other gateways that it has made. */
class FakeFarm {
  readonly emits = new RecordedEmits();
  readonly replies = new Replies();
  private readonly connections = new Map<string, BackplaneConnection[]>();

  connectionsOf(path: string): BackplaneConnection[] {
    const known = this.connections.get(path) ?? [];
    this.connections.set(path, known);
    return known;
  }
}

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
  extends Target<Events>
  implements Broadcaster<Events>
{
  private readonly path: string;
  private farm = new FakeFarm();
  private target = EVERYONE;

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

  /** The connections that the code under test finds on this server. Push `FakeConnection`s into it. Emits do not reach them. */
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

  override get all(): FakeBroadcaster<Events> {
    const { targets } = this.target;
    if (targets && !targets.some(({ kind }) => kind === 'all')) throw new TargetWidenedError();
    return this.with({ targets: [ALL] });
  }

  override get local(): FakeBroadcaster<Events> {
    return this.with({ local: true });
  }

  override get volatile(): FakeBroadcaster<Events> {
    return this.with({ volatile: true });
  }

  override connection(...ids: string[]): FakeBroadcaster<Events> {
    return this.to('connection', ids);
  }

  override group(...names: string[]): FakeBroadcaster<Events> {
    return this.to('group', names);
  }

  override user(...ids: string[]): FakeBroadcaster<Events> {
    return this.to('user', ids);
  }

  override except(...connectionIds: string[]): FakeBroadcaster<Events> {
    return this.without('connection', connectionIds);
  }

  override exceptGroup(...names: string[]): FakeBroadcaster<Events> {
    return this.without('group', names);
  }

  override emit<Name extends EventName<Events>>(
    event: Name,
    ...data: EventData<Events, Name>
  ): Promise<Delivery> {
    try {
      this.record('emit', event, data[0]);
    } catch (error) {
      return refused(error);
    }
    return Promise.resolve(new Delivery(0, this.target.local ? 'notNeeded' : 'accepted'));
  }

  override async invoke<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name>,
    options: InvokeOptions<T> = {},
  ): Promise<T> {
    checkInvokeOptions(options);
    const [target, ...others] = this.address.targets;
    if (target?.kind !== 'connection' || others.length > 0) throw new InvokeTargetError();
    this.record('invoke', event, data);
    return this.farm.replies.invoke(target.name, event, data, options.parse);
  }

  /** Invokes the connections that the target names by id, and those of `localConnections` that it addresses. */
  override async invokeAll<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name>,
    options: InvokeOptions<T> = {},
  ): Promise<InvokeAllResult<T>> {
    checkInvokeOptions(options);
    this.record('invoke', event, data);
    const responses = this.recipients().map(async (connectionId): Promise<InvokeResponse<T>> => {
      try {
        const value = await this.farm.replies.invoke(connectionId, event, data, options.parse);
        return { connectionId, status: 'fulfilled', value };
      } catch (reason) {
        return { connectionId, status: 'rejected', reason };
      }
    });
    return { responses: await Promise.all(responses), missing: { servers: [], connections: [] } };
  }

  override async join(group: string): Promise<void> {
    checkGroup(group);
    this.command({ name: 'join', group });
    return Promise.resolve();
  }

  override async leave(group: string): Promise<void> {
    checkGroup(group);
    this.command({ name: 'leave', group });
    return Promise.resolve();
  }

  override async disconnect(code = 1000, reason = ''): Promise<void> {
    checkClose(code, reason);
    this.command({ name: 'disconnect', code, reason });
    return Promise.resolve();
  }

  private get address(): Address {
    const { targets, excluded } = this.target;
    return { path: this.path, targets: targets ?? [ALL], excluded };
  }

  private record(kind: 'emit' | 'invoke', event: string, data: unknown): void {
    const { local, volatile } = this.target;
    const frames = fakeMessage(event, data);
    this.emits.add({ kind, address: this.address, frames, local, volatile }, FAKE_PROTOCOLS);
  }

  private command(action: CommandAction): void {
    this.emits.add({ kind: 'command', address: this.address, action, local: this.target.local }, []);
  }

  /** The ids of the connections that exist, as far as a fake knows: named ones, and local ones in the target. */
  private recipients(): string[] {
    const { targets, excluded } = this.address;
    const named = targets.filter(({ kind }) => kind === 'connection').map(({ name }) => name);
    const local = this.localConnections.filter((client) => isIn(client, targets)).map(({ id }) => id);
    const left = this.localConnections.filter((client) => isIn(client, excluded)).map(({ id }) => id);
    const absent = new Set([...left, ...excluded.map(({ name }) => name)]);
    return [...new Set([...named, ...local])].filter((id) => !absent.has(id));
  }

  private to(kind: 'connection' | 'group' | 'user', names: readonly string[]): FakeBroadcaster<Events> {
    const added = checkNames(kind, names).map((name) => ({ kind, name }));
    return this.with({ targets: [...(this.target.targets ?? []), ...added] });
  }

  private without(kind: 'connection' | 'group', names: readonly string[]): FakeBroadcaster<Events> {
    const added = checkNames(kind, names).map((name) => ({ kind, name }));
    return this.with({ excluded: [...this.target.excluded, ...added] });
  }

  private with(change: Partial<FakeTarget>): FakeBroadcaster<Events> {
    const copy = this.gateway<Events>(this.path);
    copy.target = { ...this.target, ...change };
    return copy;
  }
}

function isIn({ id, userId, groups }: BackplaneConnection, targets: readonly TargetRef[]): boolean {
  return targets.some(({ kind, name }) => {
    if (kind === 'group') return groups.has(name);
    if (kind === 'user') return userId === name;
    return kind === 'all' || id === name;
  });
}
