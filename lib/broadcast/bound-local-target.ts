import type { ConnectionExplanation, Explanation } from '../routing/explanation.js';
import type { MemberCount, MemberList } from '../routing/members.js';
import { checkNames } from './arguments.js';
import { BoundRecipients, type TargetState } from './bound-recipients.js';
import type { AnyEvents } from './events.js';
import { checkExplainOptions, type ExplainOptions } from './explain-options.js';
import { handled } from './handled.js';
import { limitOf, type MembersOptions } from './members-options.js';
import { namesOfUsers, onlineMap } from './online.js';
import { Target, type UsersTarget, type UserTarget } from './target.js';

/** Connections of this server only. */
export class BoundLocalTarget<Events extends object = AnyEvents> extends BoundRecipients<Events, 'local'> {
  constructor(state: TargetState) {
    super({ ...state, local: true });
  }

  override get local(): this {
    return this;
  }

  override user(id: string): UserTarget<Events, 'local'>;
  override user(...ids: [string, string, ...string[]]): UsersTarget<Events, 'local'>;
  override user(...ids: string[]): UserTarget<Events, 'local'> | UsersTarget<Events, 'local'>;
  override user(...ids: string[]): UserTarget<Events, 'local'> | UsersTarget<Events, 'local'> {
    const names = checkNames('user', ids);
    const state = { ...this.state, ...this.with('user', names) };
    return ids.length === 1 ? new BoundLocalUser(state) : new BoundLocalUsers(state);
  }

  override count(): MemberCount {
    const { router, unreachable } = this.state.context;
    const { address } = this;
    unreachable.check(address);
    return router.memberQueries.localCount(address);
  }

  override members(options: MembersOptions = {}): MemberList {
    const { router, unreachable } = this.state.context;
    const { address } = this;
    const limit = limitOf(options);
    unreachable.check(address);
    return router.memberQueries.localMembers(address, limit);
  }

  override explain(options?: ExplainOptions): Explanation;
  override explain(target: Target<Events>): Promise<ConnectionExplanation>;
  override explain(
    question: ExplainOptions | Target<Events> = {},
  ): Promise<ConnectionExplanation> | Explanation {
    if (question instanceof Target) return handled(() => this.explainConnection(question));
    const { sample } = checkExplainOptions(question);
    return this.state.context.router.explain.local(this.address, sample);
  }

  protected override copy(change: Partial<TargetState>): BoundLocalTarget<Events> {
    return new BoundLocalTarget<Events>({ ...this.state, ...change });
  }

  protected onlineUsers(): ReadonlyMap<string, boolean> {
    const { router, unreachable } = this.state.context;
    const { address } = this;
    unreachable.check(address);
    const users = namesOfUsers(address);
    return onlineMap(users, new Set(router.memberQueries.localOnline(address.path, users)));
  }
}

/** One user, on this server only. */
export class BoundLocalUser<Events extends object> extends BoundLocalTarget<Events> {
  override get local(): this {
    return this;
  }

  isOnline(): boolean {
    return [...this.onlineUsers().values()].every((isOnline) => isOnline);
  }
}

/** Several users, on this server only. */
export class BoundLocalUsers<Events extends object> extends BoundLocalTarget<Events> {
  override get local(): this {
    return this;
  }

  isOnline(): ReadonlyMap<string, boolean> {
    return this.onlineUsers();
  }
}
