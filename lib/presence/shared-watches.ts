import { Observable } from 'rxjs';
import type { PresenceTopic } from '../protocol/presence-records.js';
import type { PresenceChange } from './presence-change.js';
import type { PresenceView } from './presence-view.js';

/** Keeps the view of one group up to date. */
export interface Watch {
  readonly view: PresenceView;
  /** When it resolves, a new subscriber can get a snapshot. */
  readonly started: { readonly promise: Promise<void> };
  close(): void;
}

interface Shared<W extends Watch> {
  readonly watch: W;
  subscribers: number;
}

/** The watches of this server. The subscribers of a group share one, which ends with the last of them. */
export class SharedWatches<W extends Watch> {
  private readonly shared = new Map<string, Shared<W>>();

  constructor(private readonly create: (topic: PresenceTopic) => W) {}

  get(key: string): W | undefined {
    return this.shared.get(key)?.watch;
  }

  *all(): Generator<W> {
    for (const { watch } of this.shared.values()) yield watch;
  }

  watch(key: string, topic: PresenceTopic): Observable<PresenceChange> {
    return new Observable((subscriber) => {
      const shared = this.shared.get(key) ?? { watch: this.create(topic), subscribers: 0 };
      const { watch } = shared;
      this.shared.set(key, shared);
      shared.subscribers++;
      subscriber.add(() => this.release(key, shared));
      void watch.started.promise.then(() => {
        if (subscriber.closed) return;
        subscriber.next(watch.view.snapshot());
        subscriber.add(watch.view.changes$.subscribe(subscriber));
      });
    });
  }

  /** Completes all subscribers. */
  close(): void {
    for (const { watch } of this.shared.values()) watch.close();
    this.shared.clear();
  }

  private release(key: string, shared: Shared<W>): void {
    if (--shared.subscribers > 0 || this.shared.get(key) !== shared) return;
    this.shared.delete(key);
    shared.watch.close();
  }
}
