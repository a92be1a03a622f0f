import { checkName } from '../protocol/channel-names.js';
import type { TargetRef } from '../protocol/target.js';
import type { Delivery } from '../routing/delivery.js';
import { type Dispatcher, orAll } from './dispatcher.js';
import type { AnyEvents, EventData, EventName } from './events.js';

/** What a target is made of. It never changes: every call on a target makes a new one. */
export interface TargetState {
  readonly dispatcher: Dispatcher;
  /** The path's key; a function because an unbound broadcaster finds it only when it is needed. */
  readonly path: () => string;
  readonly targets: readonly TargetRef[];
  readonly excluded: readonly TargetRef[];
  readonly local: boolean;
  readonly volatile: boolean;
}

/**
 * Whom an emit addresses. Immutable; chaining unites: `.group('a').user('u')` are the members of the group
 * and the connections of the user, and whoever is both gets one copy. While no target is named, it is all
 * connections of the path.
 */
export class Target<Events extends object = AnyEvents> {
  /** @internal */
  constructor(protected readonly state: TargetState) {}

  /** All connections of the path, on every server. */
  get all(): Target<Events> {
    return this.with('all', ['']);
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
    return this.with('connection', named("A connection's id", ids));
  }

  /** The members of these groups. Names are case-sensitive. */
  group(...names: string[]): Target<Events> {
    return this.with('group', named("A group's name", names));
  }

  /** The connections of these users. */
  user(...ids: string[]): Target<Events> {
    return this.with('user', named("A user's id", ids));
  }

  /** Leaves these connections out. */
  except(...connectionIds: string[]): Target<Events> {
    return this.without('connection', named("A connection's id", connectionIds));
  }

  /** Leaves out who is in one of these groups when the message arrives at their server. */
  exceptGroup(...names: string[]): Target<Events> {
    return this.without('group', named("A group's name", names));
  }

  /**
   * Sends an event. This server's own connections have it when the call returns; the promise tells what became
   * of it for the other servers, and may be left alone: a failure is also on `errors$` and in the log.
   *
   * @throws NotPublishedError (as a rejection) when Redis certainly did not take it
   * @throws PublishOutcomeUnknownError (as a rejection) when it was written and no reply came
   * @throws MessageTooLargeError (as a rejection) when it has more than 1 MiB; nobody got it
   * @throws TypeError (as a rejection) when the data has no form in a client protocol, such as a circular object
   */
  emit<Name extends EventName<Events>>(event: Name, ...data: EventData<Events, Name>): Promise<Delivery> {
    const { dispatcher, path, targets, excluded, local, volatile } = this.state;
    const address = { path: path(), targets: orAll(targets), excluded };
    return dispatcher.emit(address, event, data[0], { local, volatile });
  }

  private with(kind: TargetRef['kind'], names: readonly string[]): Target<Events> {
    const targets = [...this.state.targets, ...names.map((name) => ({ kind, name }))];
    return new Target({ ...this.state, targets });
  }

  private without(kind: TargetRef['kind'], names: readonly string[]): Target<Events> {
    const excluded = [...this.state.excluded, ...names.map((name) => ({ kind, name }))];
    return new Target({ ...this.state, excluded });
  }
}

function named(what: string, names: readonly string[]): readonly string[] {
  for (const name of names) checkName(what, name);
  return names;
}
