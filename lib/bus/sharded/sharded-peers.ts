import { type Observable, filter, merge, share } from 'rxjs';
import type { PeerView } from '../bus.js';

/**
 * The other servers, over all partitions. A server is alive when it is heard on every partition. Otherwise it cannot be relied on:
 * a command may go by one partition, and its answer by another.
 */
export class ShardedPeers implements PeerView {
  readonly lost$: Observable<string>;

  constructor(private readonly partitions: readonly PeerView[]) {
    // The first partition that loses it takes it from the living; from the others it is no news.
    const losses = partitions.map((partition) =>
      partition.lost$.pipe(
        filter((server) => this.others(partition).every(({ alive }) => alive.has(server))),
      ),
    );
    this.lost$ = merge(...losses).pipe(share());
  }

  get alive(): ReadonlySet<string> {
    const [first, ...others] = this.partitions;
    return new Set(
      [...(first?.alive ?? [])].filter((server) => others.every(({ alive }) => alive.has(server))),
    );
  }

  can(serverId: string, capability: number): boolean {
    return this.partitions.every((partition) => partition.can(serverId, capability));
  }

  get silent(): ReadonlySet<string> {
    const { alive } = this;
    const silent = this.partitions.flatMap((partition) => [...partition.silent]);
    return new Set(silent.filter((server) => !alive.has(server)));
  }

  /** One partition after the other, so that a signal has one listener at a time: Node warns of more than ten. */
  async whenHeardFor(...wait: Parameters<PeerView['whenHeardFor']>): Promise<void> {
    for (const partition of this.partitions) await partition.whenHeardFor(...wait);
  }

  private others(one: PeerView): PeerView[] {
    return this.partitions.filter((partition) => partition !== one);
  }
}
