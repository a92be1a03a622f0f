import { type Observable, Subject } from 'rxjs';
import type { Bus, ConnectionFailure, ConnectionRestoration } from '../bus.js';

type Outages = Pick<Bus, 'connectionFailed$' | 'connectionRestored$'>;

/** Merges the outages of all partitions into one, from the first failure to the last restoration. */
export class ShardedOutage {
  private readonly failures = new Subject<ConnectionFailure>();
  private readonly restorations = new Subject<ConnectionRestoration>();
  private readonly failing = new Set<Outages>();
  private failedAt = 0;
  private channelsRestored = 0;

  readonly failed$: Observable<ConnectionFailure> = this.failures.asObservable();
  readonly restored$: Observable<ConnectionRestoration> = this.restorations.asObservable();

  constructor(
    partitions: readonly Outages[],
    private readonly now: () => number,
  ) {
    for (const partition of partitions) {
      partition.connectionFailed$.subscribe((failure) => this.failed(partition, failure));
      partition.connectionRestored$.subscribe((restoration) => this.restored(partition, restoration));
    }
  }

  close(): void {
    this.failures.complete();
    this.restorations.complete();
  }

  private failed(partition: Outages, failure: ConnectionFailure): void {
    this.failing.add(partition);
    if (this.failing.size > 1) return;
    this.failedAt = this.now();
    this.channelsRestored = 0;
    this.failures.next(failure);
  }

  private restored(partition: Outages, { channelsRestored }: ConnectionRestoration): void {
    this.failing.delete(partition);
    this.channelsRestored += channelsRestored;
    if (this.failing.size > 0) return;
    const downMs = Math.round(this.now() - this.failedAt);
    this.restorations.next({ downMs, channelsRestored: this.channelsRestored });
  }
}
