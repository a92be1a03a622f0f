import { limitOf, type MembersOptions } from '../broadcast/members-options.js';
import type { AnyEvents } from '../broadcast/events.js';
import { checkExplainOptions, type ExplainOptions } from '../broadcast/explain-options.js';
import { Target, type UsersTarget, type UserTarget } from '../broadcast/target.js';
import type { ConnectionExplanation, Explanation } from '../routing/explanation.js';
import type { MemberCount, MemberList } from '../routing/members.js';
import { FakeRecipients, type FakeTargetState } from './fake-recipients.js';

/** Connections of all servers. */
export class FakeTarget<Events extends object = AnyEvents> extends FakeRecipients<Events, 'farm'> {
  override get local(): Target<Events, 'local'> {
    return new FakeLocalTarget<Events>({ ...this.state, local: true });
  }

  override user(id: string): UserTarget<Events, 'farm'>;
  override user(...ids: [string, string, ...string[]]): UsersTarget<Events, 'farm'>;
  override user(...ids: string[]): UserTarget<Events, 'farm'> | UsersTarget<Events, 'farm'>;
  override user(...ids: string[]): UserTarget<Events, 'farm'> | UsersTarget<Events, 'farm'> {
    const state = { ...this.state, ...this.to('user', ids) };
    return ids.length === 1 ? new FakeUser<Events>(state) : new FakeUsers<Events>(state);
  }

  override async count(): Promise<MemberCount> {
    return Promise.resolve(this.counted());
  }

  override async members(options: MembersOptions = {}): Promise<MemberList> {
    return Promise.resolve(this.listed(limitOf(options)));
  }

  override explain(options?: ExplainOptions): Promise<Explanation>;
  override explain(target: Target<Events>): Promise<ConnectionExplanation>;
  override async explain(
    question: ExplainOptions | Target<Events> = {},
  ): Promise<ConnectionExplanation | Explanation> {
    if (question instanceof Target) return Promise.resolve(this.explainedConnection(question));
    return Promise.resolve(this.explained(checkExplainOptions(question).sample));
  }

  protected override copy(change: Partial<FakeTargetState>): Target<Events, 'farm'> {
    return new FakeTarget<Events>({ ...this.state, ...change });
  }
}

class FakeUser<Events extends object> extends FakeTarget<Events> {
  override get local(): FakeLocalUser<Events> {
    return new FakeLocalUser<Events>({ ...this.state, local: true });
  }

  async isOnline(): Promise<boolean> {
    return Promise.resolve([...this.onlineUsers().values()].every((isOnline) => isOnline));
  }
}

class FakeUsers<Events extends object> extends FakeTarget<Events> {
  override get local(): FakeLocalUsers<Events> {
    return new FakeLocalUsers<Events>({ ...this.state, local: true });
  }

  async isOnline(): Promise<ReadonlyMap<string, boolean>> {
    return Promise.resolve(this.onlineUsers());
  }
}

/** Connections of this server only. */
class FakeLocalTarget<Events extends object> extends FakeRecipients<Events, 'local'> {
  override get local(): Target<Events, 'local'> {
    return this;
  }

  override user(id: string): UserTarget<Events, 'local'>;
  override user(...ids: [string, string, ...string[]]): UsersTarget<Events, 'local'>;
  override user(...ids: string[]): UserTarget<Events, 'local'> | UsersTarget<Events, 'local'>;
  override user(...ids: string[]): UserTarget<Events, 'local'> | UsersTarget<Events, 'local'> {
    const state = { ...this.state, ...this.to('user', ids) };
    return ids.length === 1 ? new FakeLocalUser<Events>(state) : new FakeLocalUsers<Events>(state);
  }

  override count(): MemberCount {
    return this.counted();
  }

  override members(options: MembersOptions = {}): MemberList {
    return this.listed(limitOf(options));
  }

  override explain(options?: ExplainOptions): Explanation;
  override explain(target: Target<Events>): Promise<ConnectionExplanation>;
  override explain(
    question: ExplainOptions | Target<Events> = {},
  ): Promise<ConnectionExplanation> | Explanation {
    if (question instanceof Target) return Promise.resolve(this.explainedConnection(question));
    return this.explained(checkExplainOptions(question).sample);
  }

  protected override copy(change: Partial<FakeTargetState>): Target<Events, 'local'> {
    return new FakeLocalTarget<Events>({ ...this.state, ...change });
  }
}

class FakeLocalUser<Events extends object> extends FakeLocalTarget<Events> {
  override get local(): this {
    return this;
  }

  isOnline(): boolean {
    return [...this.onlineUsers().values()].every((isOnline) => isOnline);
  }
}

class FakeLocalUsers<Events extends object> extends FakeLocalTarget<Events> {
  override get local(): this {
    return this;
  }

  isOnline(): ReadonlyMap<string, boolean> {
    return this.onlineUsers();
  }
}
