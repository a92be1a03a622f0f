import { type Observable, filter, merge, share } from 'rxjs';
import type { PeerView } from '../bus.js';

/**
 * The other servers across all partitions. A server counts as alive if it is heard on every partition, because a command
 * may use one partition and its reply another.
 */
export class ShardedPeers implements PeerView {
  readonly lost$: Observable<string>;

  constructor(private readonly partitions: readonly PeerView[]) {
    // Report the first partition that loses a server and ignore the others.
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

  /** Waits for one partition after the other, so that the signal has one listener at a time. Node warns about more than ten. */
  async whenHeardFor(...wait: Parameters<PeerView['whenHeardFor']>): Promise<void> {
    for (const partition of this.partitions) await partition.whenHeardFor(...wait);
  }

  private others(one: PeerView): PeerView[] {
    return this.partitions.filter((partition) => partition !== one);
  }
}
