import { MessageFrames } from '../protocol/message-frames.js';
import type { ConnectionExplanation, Explanation } from '../routing/explanation.js';
import type { MemberCount, MemberList } from '../routing/members.js';
import { checkNames } from './arguments.js';
import { BoundLocalTarget, BoundLocalUser, BoundLocalUsers } from './bound-local-target.js';
import { BoundRecipients, type TargetState } from './bound-recipients.js';
import type { AnyEvents } from './events.js';
import { checkExplainOptions, type ExplainOptions } from './explain-options.js';
import { handled } from './handled.js';
import { limitOf, type MembersOptions } from './members-options.js';
import { namesOfUsers, onlineMap } from './online.js';
import { Target, type UsersTarget, type UserTarget } from './target.js';

/** Connections of all servers. */
export class BoundTarget<Events extends object = AnyEvents> extends BoundRecipients<Events, 'farm'> {
  override get local(): Target<Events, 'local'> {
    return new BoundLocalTarget<Events>(this.state);
  }

  override user(id: string): UserTarget<Events, 'farm'>;
  override user(...ids: [string, string, ...string[]]): UsersTarget<Events, 'farm'>;
  override user(...ids: string[]): UserTarget<Events, 'farm'> | UsersTarget<Events, 'farm'>;
  override user(...ids: string[]): UserTarget<Events, 'farm'> | UsersTarget<Events, 'farm'> {
    const names = checkNames('user', ids);
    const state = { ...this.state, ...this.with('user', names) };
    return ids.length === 1 ? new BoundUser<Events>(state) : new BoundUsers<Events>(state);
  }

  override count(): Promise<MemberCount> {
    return handled(async () => {
      const { router, unreachable } = this.state.context;
      const { address } = this;
      unreachable.check(address);
      return router.memberQueries.count(address);
    });
  }

  override members(options: MembersOptions = {}): Promise<MemberList> {
    return handled(async () => {
      const { router, unreachable } = this.state.context;
      const { address } = this;
      const limit = limitOf(options);
      unreachable.check(address);
      return router.memberQueries.members(address, limit);
    });
  }

  override explain(options?: ExplainOptions): Promise<Explanation>;
  override explain(target: Target<Events>): Promise<ConnectionExplanation>;
  override explain(
    question: ExplainOptions | Target<Events> = {},
  ): Promise<ConnectionExplanation | Explanation> {
    return handled(async () => {
      if (question instanceof Target) return this.explainConnection(question);
      const { context, local, volatile } = this.state;
      const { message, sample } = checkExplainOptions(question);
      const frames = MessageFrames.of(message);
      return context.router.explain.emit(this.address, frames, sample, { local, volatile });
    });
  }

  protected override copy(change: Partial<TargetState>): BoundTarget<Events> {
    return new BoundTarget<Events>({ ...this.state, ...change });
  }

  protected async onlineUsers(): Promise<ReadonlyMap<string, boolean>> {
    const { router, unreachable } = this.state.context;
    const { address } = this;
    unreachable.check(address);
    const users = namesOfUsers(address);
    return onlineMap(users, await router.memberQueries.online(address.path, users));
  }
}

/** One user, on all servers. */
class BoundUser<Events extends object> extends BoundTarget<Events> {
  override get local(): BoundLocalUser<Events> {
    return new BoundLocalUser<Events>(this.state);
  }

  isOnline(): Promise<boolean> {
    return handled(async () => [...(await this.onlineUsers()).values()].every((isOnline) => isOnline));
  }
}

/** Several users, on all servers. */
class BoundUsers<Events extends object> extends BoundTarget<Events> {
  override get local(): BoundLocalUsers<Events> {
    return new BoundLocalUsers<Events>(this.state);
  }

  isOnline(): Promise<ReadonlyMap<string, boolean>> {
    return handled(() => this.onlineUsers());
  }
}
