import { ArgumentList, eventFrames } from '../protocol/argument-list.js';
import { defer, type Observable } from 'rxjs';
import { ReportedError } from '../bus/bus.errors.js';
import type { ConnectionExplanation } from '../routing/explanation.js';
import type { PresenceChange } from '../presence/presence-change.js';
import { InvalidArgumentError } from '../protocol/invalid-argument.error.js';
import { messageOf } from '../protocol/thrown.js';
import type { CommandAction } from '../protocol/command-record.js';
import { ALL, type Address, type TargetRef } from '../protocol/target.js';
import type { Delivery } from '../routing/delivery.js';
import { checkData, checkEvent, checkGroup, checkNames } from './arguments.js';
import type { BroadcastContext } from './broadcast-context.js';
import { TargetWidenedError } from './broadcast.errors.js';
import { checkClose } from './close-code.js';
import type { AnyEvents, DataOf, EventArguments, EventData, EventName } from './events.js';
import { handled } from './handled.js';
import { invoke, invokeAll, type Scope as InvokeScope } from './invocations.js';
import { GuardedObservable } from './guarded-observable.js';
import type { InvokeAllResult, InvokeOptions } from './invoke.js';
import { Target, type TargetScope } from './target.js';

const EVERYONE: readonly TargetRef[] = [ALL];

/** The immutable state of a target. Every call that changes a target creates a new one. */
export interface TargetState {
  readonly context: BroadcastContext;
  /** Returns the path as `pathKey` formats it. A function, because an unbound broadcaster resolves its path on each call. */
  readonly path: () => string;
  /** `undefined` if nothing was named yet, which means everyone. An empty list means nobody. */
  readonly targets: readonly TargetRef[] | undefined;
  readonly excluded: readonly TargetRef[];
  readonly local: boolean;
  readonly volatile: boolean;
}

/** Implements what targets of all scopes have in common on top of routing. */
export abstract class BoundRecipients<
  Events extends object = AnyEvents,
  Scope extends TargetScope = TargetScope,
> extends Target<Events, Scope> {
  constructor(protected readonly state: TargetState) {
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
    return this.copy(this.with('connection', checkNames('connection', ids)));
  }

  override group(...names: string[]): Target<Events, Scope> {
    return this.copy(this.with('group', checkNames('group', names)));
  }

  override except(...connectionIds: string[]): Target<Events, Scope> {
    return this.copy(this.without('connection', checkNames('connection', connectionIds)));
  }

  override exceptGroup(...names: string[]): Target<Events, Scope> {
    return this.copy(this.without('group', checkNames('group', names)));
  }

  override emit<Name extends EventName<Events>>(
    event: Name,
    ...data: EventData<Events, Name>
  ): Promise<Delivery> {
    return this.sendEvent(event, data[0]);
  }

  override send<Name extends EventName<Events>>(
    event: Name,
    ...args: EventArguments<Events, Name>
  ): Promise<Delivery> {
    return this.sendEvent(event, new ArgumentList(args));
  }

  private sendEvent(event: string, data: unknown): Promise<Delivery> {
    const { context, local, volatile } = this.state;
    const { emitter } = context.router;
    try {
      checkEvent(event);
      checkData(data);
      const { address } = this;
      context.unreachable.check(address);
      return emitter.emit(address, eventFrames(event, data), { local, volatile });
    } catch (error) {
      return emitter.refuse(error);
    }
  }

  override invoke<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name> | ArgumentList,
    options: InvokeOptions<T> = {},
  ): Promise<T> {
    return handled(async () => invoke(this.state.context, this.scope, event, data, options));
  }

  override invokeAll<T = unknown, Name extends EventName<Events> = EventName<Events>>(
    event: Name,
    data?: DataOf<Events, Name> | ArgumentList,
    options: InvokeOptions<T> = {},
  ): Promise<InvokeAllResult<T>> {
    return handled(async () => invokeAll(this.state.context, this.scope, event, data, options));
  }

  override join(group: string): Promise<void> {
    return handled(async () => {
      checkGroup(group);
      await this.command({ name: 'join', group });
    });
  }

  override leave(group: string): Promise<void> {
    return handled(async () => {
      checkGroup(group);
      await this.command({ name: 'leave', group });
    });
  }

  override disconnect(code = 1000, reason = ''): Promise<void> {
    return handled(async () => {
      checkClose(code, reason);
      await this.command({ name: 'disconnect', code, reason });
    });
  }

  override get presence$(): Observable<PresenceChange> {
    const { context, local } = this.state;
    return new GuardedObservable(
      defer(() => {
        const { path, targets, excluded } = this.address;
        const [target, ...others] = targets;
        if (target?.kind !== 'group' || others.length + excluded.length > 0)
          throw new InvalidArgumentError('target', 'exactly one group, such as group(name)', targets);
        return context.presence.watch({ path, group: target.name }, local);
      }),
      (cause) =>
        context.router.report(
          new ReportedError('listener', `A listener threw: ${messageOf(cause)}`, { cause }),
        ),
    );
  }

  /** The connection that this target names, for `explain(target)`. */
  protected async explainConnection(target: Target<Events>): Promise<ConnectionExplanation> {
    const { path, targets } = this.address;
    const [named, ...others] = targets;
    if (named?.kind !== 'connection' || others.length > 0)
      throw new InvalidArgumentError(
        'target',
        'one connection, as in connection(id).explain(target)',
        targets,
      );
    if (!(target instanceof BoundRecipients))
      throw new InvalidArgumentError('target', 'a target of a Broadcaster', target);
    const { router } = this.state.context;
    return router.explain.connection(path, named.name, target.address, target.state.local);
  }

  private command(action: CommandAction): Promise<void> {
    const { router, unreachable } = this.state.context;
    const { address, local } = this.scope;
    unreachable.check(address);
    return router.commands.run(address, action, local);
  }

  private get scope(): InvokeScope {
    return { address: this.address, local: this.state.local };
  }

  /** @throws PathRequiredError for an unbound broadcaster, unless the app has exactly one path */
  protected get address(): Address {
    const { path, targets, excluded } = this.state;
    return { path: path(), targets: targets ?? EVERYONE, excluded };
  }

  /** A target of the same scope. */
  protected abstract copy(change: Partial<TargetState>): Target<Events, Scope>;

  protected with(kind: TargetRef['kind'], names: readonly string[]): Pick<TargetState, 'targets'> {
    return { targets: [...(this.state.targets ?? []), ...names.map((name) => ({ kind, name }))] };
  }

  private without(kind: TargetRef['kind'], names: readonly string[]): Pick<TargetState, 'excluded'> {
    return { excluded: [...this.state.excluded, ...names.map((name) => ({ kind, name }))] };
  }
}
