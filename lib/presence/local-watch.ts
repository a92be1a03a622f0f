import type { MemberRow } from '../protocol/member-records.js';
import type { PresenceDiff, PresenceTopic } from '../protocol/presence-records.js';
import type { GroupWatchContext } from './group-watch.js';
import { PresenceView } from './presence-view.js';

/** Keeps the view of one group's members on this server only. Sends nothing through Redis. */
export class LocalWatch {
  readonly view: PresenceView;
  /** The view is complete from the start. */
  readonly started = { promise: Promise.resolve() };

  constructor(
    private readonly context: GroupWatchContext,
    private readonly topic: PresenceTopic,
  ) {
    this.view = new PresenceView(context.bus.clock, context.view, () => true);
    for (const row of context.publications.follow(topic, this.change)) this.put(row);
    this.view.settle(true);
  }

  close(): void {
    this.context.publications.unfollow(this.topic, this.change);
    this.view.close();
  }

  private readonly change = ({ rows, gone }: PresenceDiff): void => {
    for (const row of rows) this.put(row);
    const { serverId } = this.context.bus;
    for (const { id, cause } of gone) this.view.remove(serverId, id, cause);
  };

  private put({ id, userId, data }: MemberRow): void {
    this.view.put({ server: this.context.bus.serverId, id, userId, data });
  }
}
