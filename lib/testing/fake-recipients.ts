import { ArgumentList } from '../protocol/argument-list.js';
import { NEVER, type Observable } from 'rxjs';
import type { PresenceChange } from '../presence/presence-change.js';
import { checkGroup, checkInvokeOptions, checkNames } from '../broadcast/arguments.js';
import type { BackplaneConnection } from '../broadcast/backplane-connection.js';
import { TargetWidenedError } from '../broadcast/broadcast.errors.js';
import { checkClose } from '../broadcast/close-code.js';
import type { AnyEvents, DataOf, EventArguments, EventData, EventName } from '../broadcast/events.js';
import type { InvokeAllResult, InvokeOptions, InvokeResponse } from '../broadcast/invoke.js';
import { namesOfUsers, onlineMap } from '../broadcast/online.js';
import { Target, type TargetScope } from '../broadcast/target.js';
import type { CommandAction } from '../protocol/command-record.js';
import { serverOf } from '../protocol/connection-id.js';
import { ALL, type Address, type TargetRef } from '../protocol/target.js';
import { Delivery } from '../routing/delivery.js';
import type { ConnectionExplanation, Explanation, NotReceivedReason } from '../routing/explanation.js';
import type { MemberCount, MemberList } from '../routing/members.js';
import { InvokeTargetError } from '../routing/request.errors.js';
import type { FakeFarm } from './fake-farm.js';
import { FAKE_PROTOCOLS, fakeMessage, refused } from './fake-message.js';

export interface FakeTargetState {
  readonly farm: FakeFarm;
  readonly path: string;
  readonly targets: readonly TargetRef[] | undefined;
  readonly excluded: readonly TargetRef[];
  readonly local: boolean;
  readonly volatile: boolean;
}

/** What fake targets of all scopes have in common. */
export abstract class FakeRecipients<
  Events extends object = AnyEvents,
  Scope extends TargetScope = TargetScope,
> extends Target<Events, Scope> {
  constructor(protected state: FakeTargetState) {
    super();
  }

  override get all(): Target<Events, Scope> {
    const { targets } = this.state;
    if (targets && !targets.some(({ kind }) => kind === 'all')) throw new TargetWidenedError();
    return this.copy({ targets: [ALL] });
  }

  override get volatile(): Target<Events, Scope> {
    return this.copy({ volatile: true });
  }

  override connection(...ids: string[]): Target<Events, Scope> {
    return this.copy(this.to('connection', ids));
  }

  override group(...names: string[]): Target<Events, Scope> {
    return this.copy(this.to('group', names));
  }

  override except(...connectionIds: string[]): Target<Events, Scope> {
    return this.copy(this.without('connection', connectionIds));
  }

  override exceptGroup(...names: string[]): Target<Events, Scope> {
    return this.copy(this.without('group', names));
  }

  override emit<Name extends EventName<Events>>(
    event: Name,
    ...data: EventData<Events, Name>
  ): Promise<Delivery> {
    return this.recordEmit(event, data[0]);
  }

  override send<Name extends EventName<Events>>(
    event: Name,
    ...args: EventArguments<Events, Name>
  ): Promise<Delivery> {
    return this.recordEmit(event, new ArgumentList(args));
  }

  private recordEmit(event: string, data: unknown): Promise<Delivery> {
    try {
      this.record('emit', event, data);
    } catch (error) {
      return refused(error);
    }
    return Promise.resolve(new Delivery(0, this.state.local ? 'notNeeded' : 'accepted'));
  }

  override async invoke<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name> | ArgumentList,
    options: InvokeOptions<T> = {},
  ): Promise<T> {
    checkInvokeOptions(options);
    const [target, ...others] = this.address.targets;
    if (target?.kind !== 'connection' || others.length > 0) throw new InvokeTargetError();
    this.record('invoke', event, data);
    return this.state.farm.replies.invoke(target.name, event, data, options.parse);
  }

  /** Invokes the connections that the target names by id, and those of `localConnections` that it addresses. */
  override async invokeAll<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name> | ArgumentList,
    options: InvokeOptions<T> = {},
  ): Promise<InvokeAllResult<T>> {
    checkInvokeOptions(options);
    this.record('invoke', event, data);
    const responses = this.recipients().map(async (connectionId): Promise<InvokeResponse<T>> => {
      try {
        const value = await this.state.farm.replies.invoke(connectionId, event, data, options.parse);
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

  /** Emits nothing: a fake has no servers. */
  override get presence$(): Observable<PresenceChange> {
    return NEVER;
  }

  protected get address(): Address {
    const { targets, excluded } = this.state;
    return { path: this.state.path, targets: targets ?? [ALL], excluded };
  }

  private record(kind: 'emit' | 'invoke', event: string, data: unknown): void {
    const { local, volatile } = this.state;
    const frames = fakeMessage(event, data);
    this.state.farm.emits.add({ kind, address: this.address, frames, local, volatile }, FAKE_PROTOCOLS);
  }

  private command(action: CommandAction): void {
    this.state.farm.emits.add(
      { kind: 'command', address: this.address, action, local: this.state.local },
      [],
    );
  }

  /** The ids of the connections that exist, as far as a fake knows: named ones, and local ones in the target. */
  private recipients(): string[] {
    const { targets, excluded } = this.address;
    const named = targets.filter(({ kind }) => kind === 'connection').map(({ name }) => name);
    const local = this.state.farm
      .connectionsOf(this.state.path)
      .filter((client) => isIn(client, targets))
      .map(({ id }) => id);
    const left = this.state.farm
      .connectionsOf(this.state.path)
      .filter((client) => isIn(client, excluded))
      .map(({ id }) => id);
    const absent = new Set([...left, ...excluded.map(({ name }) => name)]);
    return [...new Set([...named, ...local])].filter((id) => !absent.has(id));
  }

  /** Counts the connections of `localConnections` that the target addresses. */
  protected counted(): MemberCount {
    const connections = this.addressed();
    const users = new Set(connections.flatMap(({ userId }) => userId ?? []));
    return { connections: connections.length, users: users.size, missing: [] };
  }

  /** Lists the connections of `localConnections` that the target addresses, without presence data. */
  protected listed(limit: number): MemberList {
    const connections = this.addressed();
    const members = connections.slice(0, limit).map(({ id, userId }) => {
      return { id, userId, serverId: serverOf(id) ?? 'fake' };
    });
    return { members, missing: [], truncated: connections.length > limit };
  }

  /** Explains an emit to those of `localConnections` that the target addresses. A fake publishes nothing. */
  protected explained(sample: number): Explanation {
    const ids = this.addressed().map(({ id }) => id);
    const server = {
      serverId: 'fake',
      connections: ids.length,
      sample: ids.slice(0, sample),
      hears: true,
      isRefused: false,
      deafSince: undefined,
    };
    const cost = { channels: [], publishes: 0, bytes: 0 };
    return { servers: [server], missing: [], cost, backplane: 'notNeeded' };
  }

  /** Explains for one of `localConnections`, whether a target addresses it. */
  protected explainedConnection(target: Target<Events>): ConnectionExplanation {
    const [named] = this.address.targets;
    const known = this.connections().find(({ id }) => id === named?.name);
    const reasons: NotReceivedReason[] = [];
    if (!known) reasons.push('notConnected');
    else if (!(target instanceof FakeRecipients) || !target.addressed().includes(known))
      reasons.push('notMember');
    return { receives: reasons.length === 0, reasons, deafSince: undefined };
  }

  /** Whether `localConnections` has connections of the target's users. */
  protected onlineUsers(): ReadonlyMap<string, boolean> {
    const online = this.connections().flatMap(({ userId }) => userId ?? []);
    return onlineMap(namesOfUsers(this.address), new Set(online));
  }

  /** A target of the same scope. */
  protected abstract copy(change: Partial<FakeTargetState>): Target<Events, Scope>;

  protected to(
    kind: 'connection' | 'group' | 'user',
    names: readonly string[],
  ): Pick<FakeTargetState, 'targets'> {
    const added = checkNames(kind, names).map((name) => ({ kind, name }));
    return { targets: [...(this.state.targets ?? []), ...added] };
  }

  private without(kind: 'connection' | 'group', names: readonly string[]): Pick<FakeTargetState, 'excluded'> {
    const added = checkNames(kind, names).map((name) => ({ kind, name }));
    return { excluded: [...this.state.excluded, ...added] };
  }

  private connections(): BackplaneConnection[] {
    return this.state.farm.connectionsOf(this.state.path);
  }

  private addressed(): BackplaneConnection[] {
    const { targets, excluded } = this.address;
    return this.connections().filter((client) => isIn(client, targets) && !isIn(client, excluded));
  }
}

function isIn({ id, userId, groups }: BackplaneConnection, targets: readonly TargetRef[]): boolean {
  return targets.some(({ kind, name }) => {
    if (kind === 'group') return groups.has(name);
    if (kind === 'user') return userId === name;
    return kind === 'all' || id === name;
  });
}
