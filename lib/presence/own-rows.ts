import type { MemberRow } from '../protocol/member-records.js';
import type { PresenceDiff, PresenceTopic } from '../protocol/presence-records.js';
import type { Publications } from './publications.js';

/** What a view does with this server's own rows. */
export interface RowReceiver {
  put(row: MemberRow): void;
  change(diff: PresenceDiff): void;
}

/** Feeds a view with this server's own rows of a topic, over several turns of the event loop, and then with their changes. */
export class OwnRows {
  /** Resolves when the view has all rows, or on `close`. */
  readonly loaded: Promise<void>;
  isLoaded = false;
  private isClosed = false;
  /** Changes that happened in the meantime. */
  private waiting: PresenceDiff[] = [];

  constructor(
    private readonly publications: Publications,
    private readonly topic: PresenceTopic,
    private readonly receiver: RowReceiver,
  ) {
    this.loaded = this.load(publications.follow(topic, this.listener));
  }

  close(): void {
    this.isClosed = true;
    this.publications.unfollow(this.topic, this.listener);
  }

  private readonly listener = (diff: PresenceDiff): void => {
    if (this.isLoaded) this.receiver.change(diff);
    else this.waiting.push(diff);
  };

  /** Loads the first part at once, so that a small group needs no other turn. */
  private async load(parts: Iterable<readonly MemberRow[]>): Promise<void> {
    let count = 0;
    for (const rows of parts) {
      if (count++ > 0) await new Promise((resolve) => setImmediate(resolve));
      if (this.isClosed) return;
      for (const row of rows) this.receiver.put(row);
    }
    this.isLoaded = true;
    for (const diff of this.waiting) this.receiver.change(diff);
    this.waiting = [];
  }
}
