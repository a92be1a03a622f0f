import { ALL, type TargetRef } from '../protocol/target.js';
import type { Delivery } from '../routing/delivery.js';
import { checkGroup, checkNames } from './arguments.js';
import { TargetWidenedError } from './broadcast.errors.js';
import { checkClose } from './close-code.js';
import type { Dispatcher, Scope } from './dispatcher.js';
import type { AnyEvents, DataOf, EventData, EventName } from './events.js';
import type { InvokeAllResult, InvokeOptions } from './invoke.js';
import { Target } from './target.js';

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

/** A target as its state has it. */
export class BoundTarget<Events extends object = AnyEvents> extends Target<Events> {
  constructor(protected readonly state: TargetState) {
    super();
  }

  override get all(): Target<Events> {
    const { targets } = this.state;
    if (targets && !targets.some(({ kind }) => kind === 'all')) throw new TargetWidenedError();
    return new BoundTarget<Events>({ ...this.state, targets: [ALL] });
  }

  override get local(): Target<Events> {
    return new BoundTarget<Events>({ ...this.state, local: true });
  }

  override get volatile(): Target<Events> {
    return new BoundTarget<Events>({ ...this.state, volatile: true });
  }

  override connection(...ids: string[]): Target<Events> {
    return this.with('connection', checkNames('connection', ids));
  }

  override group(...names: string[]): Target<Events> {
    return this.with('group', checkNames('group', names));
  }

  override user(...ids: string[]): Target<Events> {
    return this.with('user', checkNames('user', ids));
  }

  override except(...connectionIds: string[]): Target<Events> {
    return this.without('connection', checkNames('connection', connectionIds));
  }

  override exceptGroup(...names: string[]): Target<Events> {
    return this.without('group', checkNames('group', names));
  }

  override emit<Name extends EventName<Events>>(
    event: Name,
    ...data: EventData<Events, Name>
  ): Promise<Delivery> {
    const { dispatcher, local, volatile } = this.state;
    return dispatcher.emit(() => this.scope.address, event, data[0], { local, volatile });
  }

  override async invoke<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name>,
    options: InvokeOptions<T> = {},
  ): Promise<T> {
    return this.state.dispatcher.invoke(this.scope, event, data, options);
  }

  override async invokeAll<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name>,
    options: InvokeOptions<T> = {},
  ): Promise<InvokeAllResult<T>> {
    return this.state.dispatcher.invokeAll(this.scope, event, data, options);
  }

  override async join(group: string): Promise<void> {
    checkGroup(group);
    await this.state.dispatcher.command(this.scope, { name: 'join', group });
  }

  override async leave(group: string): Promise<void> {
    checkGroup(group);
    await this.state.dispatcher.command(this.scope, { name: 'leave', group });
  }

  override async disconnect(code = 1000, reason = ''): Promise<void> {
    checkClose(code, reason);
    await this.state.dispatcher.command(this.scope, { name: 'disconnect', code, reason });
  }

  protected get scope(): Scope {
    const { path, targets, excluded, local } = this.state;
    return { address: { path: path(), targets: targets ?? EVERYONE, excluded }, local };
  }

  private with(kind: TargetRef['kind'], names: readonly string[]): Target<Events> {
    const targets = [...(this.state.targets ?? []), ...names.map((name) => ({ kind, name }))];
    return new BoundTarget<Events>({ ...this.state, targets });
  }

  private without(kind: TargetRef['kind'], names: readonly string[]): Target<Events> {
    const excluded = [...this.state.excluded, ...names.map((name) => ({ kind, name }))];
    return new BoundTarget<Events>({ ...this.state, excluded });
  }
}
