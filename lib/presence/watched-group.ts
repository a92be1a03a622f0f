import type { PresenceDiff, PresenceTopic, RowGoneCause } from '../protocol/presence-records.js';
import type { LocalConnection } from '../routing/local-connection.js';

/** A group that somebody watches, and what has changed in it on this server since the last published change. */
export class WatchedGroup {
  /** Until when other servers want to know the changes, on the bus's clock. */
  leasedUntil = 0;
  /** This server's own watchers. */
  readonly followers = new Set<(diff: PresenceDiff) => void>();
  /** Whoever is in neither map has not changed. A connection is in one of them at most. */
  private readonly changedRows = new Set<LocalConnection>();
  private readonly goneRows = new Map<LocalConnection, RowGoneCause>();
  /** The presence data that other servers and this server's watchers have of each member. */
  private readonly published = new Map<LocalConnection, string>();
  private isScheduled = false;

  constructor(
    readonly topic: PresenceTopic,
    readonly channel: string,
    /** The version of this server's rows that was published last. */
    public version: number,
    /** Called at the end of a turn of the event loop in which something has changed. */
    private readonly onChanged: () => void,
  ) {}

  changed(connection: LocalConnection): void {
    this.goneRows.delete(connection);
    this.changedRows.add(connection);
    this.schedule();
  }

  gone(connection: LocalConnection, cause: RowGoneCause): void {
    this.published.delete(connection);
    this.changedRows.delete(connection);
    this.goneRows.set(connection, cause);
    this.schedule();
  }

  /** The changes since the last call. */
  take(): { changed: readonly LocalConnection[]; gone: ReadonlyMap<LocalConnection, RowGoneCause> } {
    const changed = [...this.changedRows];
    const gone = new Map(this.goneRows);
    this.changedRows.clear();
    this.goneRows.clear();
    return { changed, gone };
  }

  /** This data is about to be published for the member. */
  sent(connection: LocalConnection, data: string): void {
    this.published.set(connection, data);
  }

  /** This data is about to be sent to a single watcher. If the others have different data, it is published to them too. */
  answered(connection: LocalConnection, data: string): void {
    if (this.published.has(connection)) this.compare(connection, data);
    else this.published.set(connection, data);
  }

  /** Notes a change if the member's data is no longer what was published. */
  compare(connection: LocalConnection, data: string): void {
    const published = this.published.get(connection);
    if (published !== undefined && published !== data) this.changed(connection);
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
