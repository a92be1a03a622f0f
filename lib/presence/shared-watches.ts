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

  get(channel: string): W | undefined {
    return this.shared.get(channel)?.watch;
  }

  *[Symbol.iterator](): Generator<[channel: string, watch: W]> {
    for (const [channel, { watch }] of this.shared) yield [channel, watch];
  }

  watch(channel: string, topic: PresenceTopic): Observable<PresenceChange> {
    return new Observable((subscriber) => {
      const shared = this.shared.get(channel) ?? { watch: this.create(topic), subscribers: 0 };
      const { watch } = shared;
      this.shared.set(channel, shared);
      shared.subscribers++;
      subscriber.add(() => this.release(channel, shared));
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

  private release(channel: string, shared: Shared<W>): void {
    if (--shared.subscribers > 0 || this.shared.get(channel) !== shared) return;
    this.shared.delete(channel);
    shared.watch.close();
  }
}
