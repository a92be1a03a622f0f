import type { RedisNode } from '../../options/connection-plan.js';
import { sameNode } from './cluster-view.js';
import { hashSlot } from '../../protocol/hash-slot.js';
import { type SlotOwners, TopologyError } from './topology.js';

/** How often to check whether the home has moved. The jitter keeps the servers of a farm from checking all at once. */
const WATCH_MS = 1000;
const JITTER_MS = 200;

export interface HomeEvents {
  /** @param since the last time at which the old home was known to be the home */
  moved(since: number): void;
  /** The nodes refuse to tell where the home is. Reported once until a lookup succeeds. */
  refused(cause: Error): void;
}

/**
 * The home node: the node that all servers of a farm use, which is the master that owns the slot of the channel prefix.
 * Classic pub/sub ignores slots, and every node forwards messages to every other. But two links to one node are a
 * first-in, first-out pipe, while two nodes can lose contact with each other. When the home moves, all servers follow.
 */
export class Home {
  private readonly slot: number;
  private node: RedisNode | undefined;
  private confirmedAt = 0;
  private refusedBefore = false;
  private timer: NodeJS.Timeout | undefined;
  private events: HomeEvents | undefined;

  constructor(
    private readonly topology: SlotOwners,
    prefix: string,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.slot = hashSlot(prefix);
  }

  watch(events: HomeEvents): void {
    this.events = events;
    this.scheduleCheck();
  }

  close(): void {
    this.events = undefined;
    clearTimeout(this.timer);
    this.topology.close();
  }

  /**
   * Looks up the home node.
   *
   * @throws TopologyError
   */
  async locate(): Promise<RedisNode> {
    const queriedAt = this.now();
    try {
      const node = await this.topology.ownerOf(this.slot);
      this.refusedBefore = false;
      const moved = this.node !== undefined && !sameNode(node, this.node);
      const since = this.confirmedAt;
      this.node = node;
      this.confirmedAt = queriedAt;
      if (moved) this.events?.moved(since);
      return node;
    } catch (error) {
      this.reportRefusal(error);
      throw error;
    }
  }

  private reportRefusal(error: unknown): void {
    if (!(error instanceof TopologyError && error.refused) || this.refusedBefore) return;
    this.refusedBefore = true;
    this.events?.refused(error);
  }

  private scheduleCheck(): void {
    const delayMs = WATCH_MS + (Math.random() - 0.5) * JITTER_MS;
    this.timer = setTimeout(() => {
      // A failed lookup is ignored: if the home itself is gone, its links report it.
      const checked = this.locate().catch(() => undefined);
      void checked.then(() => {
        if (this.events) this.scheduleCheck();
      });
    }, delayMs);
  }
}
