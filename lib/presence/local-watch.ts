import type { PresenceTopic } from '../protocol/presence-records.js';
import type { GroupWatchContext } from './group-watch.js';
import { OwnRows } from './own-rows.js';
import { PresenceView } from './presence-view.js';

/** Keeps the view of one group's members on this server only. Sends nothing through Redis. */
export class LocalWatch {
  readonly view: PresenceView;
  readonly started: { readonly promise: Promise<void> };
  private readonly own: OwnRows;

  constructor(
    { bus: { clock, serverId: server }, publications, view: options }: GroupWatchContext,
    topic: PresenceTopic,
  ) {
    const view = new PresenceView(clock, options, () => true);
    this.view = view;
    this.own = new OwnRows(publications, topic, {
      put: ({ id, userId, data }) => view.put({ server, id, userId, data }),
      change: ({ rows, gone }) => {
        for (const { id, userId, data } of rows) view.put({ server, id, userId, data });
        for (const { id, cause } of gone) view.remove(server, id, cause);
      },
    });
    this.started = { promise: this.own.loaded.then(() => view.settle(true)) };
  }

  close(): void {
    this.own.close();
    this.view.close();
  }
}
