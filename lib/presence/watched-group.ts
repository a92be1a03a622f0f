import type { PresenceDiff, PresenceTopic, RowGoneCause } from '../protocol/presence-records.js';
import type { LocalConnection } from '../routing/local-connection.js';

/** What a row describes: a connection in a group, or an occupied group of a path, by its name. */
export type Item = LocalConnection | string;

/** A topic that somebody watches, and what has changed in it on this server since the last published change. */
export class WatchedGroup {
  /** Until when other servers want to know the changes, on the bus's clock. */
  leasedUntil = 0;
  /** This server's own watchers. */
  readonly followers = new Set<(diff: PresenceDiff) => void>();
  /** What is in neither has not changed. An item is in one of them at most. */
  private readonly changedRows = new Set<Item>();
  private readonly goneRows = new Map<Item, RowGoneCause>();
  /** The presence data that other servers and this server's watchers have of each member. */
  private readonly published = new Map<Item, string>();
  private isScheduled = false;

  constructor(
    readonly topic: PresenceTopic,
    /** Identifies the topic in digests. */
    readonly key: string,
    readonly channel: string,
    /** The version of this server's rows that was published last. */
    public version: number,
    /** Called at the end of a turn of the event loop in which something has changed. */
    private readonly onChanged: () => void,
  ) {}

  changed(item: Item): void {
    this.goneRows.delete(item);
    this.changedRows.add(item);
    this.schedule();
  }

  gone(item: Item, cause: RowGoneCause): void {
    this.published.delete(item);
    this.changedRows.delete(item);
    this.goneRows.set(item, cause);
    this.schedule();
  }

  /** The changes since the last call. */
  take(): { changed: readonly Item[]; gone: ReadonlyMap<Item, RowGoneCause> } {
    const changed = [...this.changedRows];
    const gone = new Map(this.goneRows);
    this.changedRows.clear();
    this.goneRows.clear();
    return { changed, gone };
  }

  /** This data is about to be published for the member. */
  sent(item: Item, data: string): void {
    this.published.set(item, data);
  }

  /** This data is about to be sent to a single watcher. If the others have different data, it is published to them too. */
  answered(item: Item, data: string): void {
    if (this.published.has(item)) this.compare(item, data);
    else this.published.set(item, data);
  }

  /** Notes a change if the member's data is no longer what was published. */
  compare(item: Item, data: string): void {
    const published = this.published.get(item);
    if (published !== undefined && published !== data) this.changed(item);
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.onChanged();
    });
  }
}
