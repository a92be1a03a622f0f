import { type Observable, filter, merge, share } from 'rxjs';
import type { PeerChange, PeerView } from '../bus.js';
import { lostServers } from '../lost-servers.js';

/**
 * The other servers across all partitions. A server counts as alive if it is heard on every partition, because a command
 * may use one partition and its reply another.
 */
export class ShardedPeers implements PeerView {
  readonly lost$: Observable<string>;
  readonly changes$: Observable<PeerChange>;

  constructor(private readonly partitions: readonly PeerView[]) {
    // The last partition that hears a server completes it, and the first one that loses it breaks it.
    const changes = partitions.map((partition) =>
      partition.changes$.pipe(
        filter(({ serverId }) => this.others(partition).every(({ alive }) => alive.has(serverId))),
      ),
    );
    this.changes$ = merge(...changes).pipe(share());
    this.lost$ = lostServers(this.changes$);
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
