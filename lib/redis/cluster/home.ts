import type { RedisNode } from '../../options/connection-plan.js';
import { sameNode } from './cluster-view.js';
import { hashSlot } from '../../protocol/hash-slot.js';
import { type SlotOwners, TopologyError } from './topology.js';

/** How often it is looked whether the home has moved; each time a little more or less, or a farm would ask as one. */
const WATCH_MS = 1000;
const JITTER_MS = 200;

export interface HomeEvents {
  /** @param since until when the old home was known to be the home */
  moved(since: number): void;
  /** Nodes refuse to tell where the home is. Told once until one tells. */
  refused(cause: Error): void;
}

/**
 * The node on which all servers of a farm meet. Classic pub/sub knows no slots, and any node would forward to any
 * other; but two links on one node are a first-in-first-out pipe, and two nodes may lose each other. So all choose
 * the master that owns the slot of the channel prefix, and follow when it moves.
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
    this.plan();
  }

  close(): void {
    this.events = undefined;
    clearTimeout(this.timer);
    this.topology.close();
  }

  /**
   * Where the home is now.
   *
   * @throws TopologyError
   */
  async locate(): Promise<RedisNode> {
    const askedAt = this.now();
    try {
      const node = await this.topology.ownerOf(this.slot);
      this.refusedBefore = false;
      const moved = this.node !== undefined && !sameNode(node, this.node);
      const since = this.confirmedAt;
      this.node = node;
      this.confirmedAt = askedAt;
      if (moved) this.events?.moved(since);
      return node;
    } catch (error) {
      this.tellRefusal(error);
      throw error;
    }
  }

  private tellRefusal(error: unknown): void {
    if (!(error instanceof TopologyError && error.refused) || this.refusedBefore) return;
    this.refusedBefore = true;
    this.events?.refused(error);
  }

  private plan(): void {
    const delayMs = WATCH_MS + (Math.random() - 0.5) * JITTER_MS;
    this.timer = setTimeout(() => {
      // Nobody answers: if the home is gone too, its links tell.
      const looked = this.locate().catch(() => undefined);
      void looked.then(() => {
        if (this.events) this.plan();
      });
    }, delayMs);
  }
}
