import type { RedisNode } from '../../options/connection-plan.js';
import { retryDelay } from '../redis-clients.js';
import { ownerOf, sameNode } from './cluster-view.js';
import { NodeLinks, type NodeLinksSetup } from './node-links.js';
import { type Topology, TopologyError } from './topology.js';

/** How often it is looked where the slots are; each time a little more or less, or a farm would ask as one. */
const WATCH_MS = 1000;
const JITTER_MS = 200;
/** When something says that a slot has moved, the node that is asked may not know yet: it is asked again soon. */
const HURRY_MS = 100;
const HURRIES = 10;

/** What is to be placed on the node that owns a slot. */
export interface ShardMember {
  readonly slot: number;
  readonly isPlaced: boolean;
  /** The slot belongs to this node, as was asked at that time. */
  place(node: RedisNode, askedAt: number): void;
  /** Nobody tells where the slot is. */
  unplaced(attempt: number, delayMs: number, cause: Error): void;
  problem(cause: Error): void;
}

/** Knows where each partition is, and keeps one pair of links to each node that carries any. */
export class ShardNodes {
  private readonly partitions = new Set<ShardMember>();
  private readonly links = new Map<NodeLinks, number>();
  /** Links that no partition needs any more, until they are closed. */
  private readonly closing = new Set<Promise<void>>();
  private readonly setup: NodeLinksSetup;
  private timer: NodeJS.Timeout | undefined;
  private hurries = 0;
  private looking = false;
  private attempt = 0;
  private refusedBefore = false;
  private toldTooOld = false;

  constructor(
    private readonly topology: Topology,
    setup: Omit<NodeLinksSetup, 'slotMoved'>,
  ) {
    this.setup = { ...setup, slotMoved: () => this.hurry() };
  }

  add(partition: ShardMember): void {
    this.partitions.add(partition);
    if (this.partitions.size === 1) this.plan(0);
  }

  remove(partition: ShardMember): void {
    this.partitions.delete(partition);
    if (this.partitions.size > 0) return;
    clearTimeout(this.timer);
    this.topology.close();
  }

  /** A slot may have moved: looks now, and again soon. */
  hurry(): void {
    this.hurries = HURRIES;
    if (!this.looking) this.plan(0);
  }

  /** A node does not know sharded pub/sub. Told once, not by each partition. */
  tellTooOld(cause: Error): void {
    if (this.toldTooOld) return;
    this.toldTooOld = true;
    const advice = 'sharded needs Redis 7 or later on all nodes; leave the option out, or upgrade';
    this.tellProblem(new Error(`${advice} (${cause.message})`, { cause }));
  }

  /** The links to this node, for one partition more. */
  acquire(node: RedisNode): NodeLinks {
    const known = [...this.links.keys()].find((links) => sameNode(links.node, node));
    const links = known ?? new NodeLinks(node, this.setup);
    this.links.set(links, (this.links.get(links) ?? 0) + 1);
    return links;
  }

  /** Resolves when they are closed, where no partition needs them any more. */
  async release(links: NodeLinks): Promise<void> {
    const users = (this.links.get(links) ?? 0) - 1;
    this.links.set(links, users);
    if (users > 0) return;
    this.links.delete(links);
    const closed = links.close();
    this.closing.add(closed);
    await closed;
    this.closing.delete(closed);
  }

  /** Resolves when all links are closed that no partition needs any more, also those left behind by one that moved. */
  async released(): Promise<void> {
    await Promise.all(this.closing);
  }

  private plan(delayMs: number): void {
    clearTimeout(this.timer);
    if (this.partitions.size > 0) this.timer = setTimeout(() => void this.look(), delayMs);
  }

  private async look(): Promise<void> {
    this.looking = true;
    const askedAt = performance.now();
    try {
      const view = await this.topology.view();
      this.attempt = 0;
      this.refusedBefore = false;
      for (const partition of this.partitions) {
        const owner = ownerOf(view, partition.slot);
        if (owner) partition.place(owner, askedAt);
        else if (!partition.isPlaced)
          partition.unplaced(1, WATCH_MS, new Error(`no node of the cluster owns slot ${partition.slot}`));
      }
      this.plan(this.nextLookMs());
    } catch (error) {
      const delayMs = retryDelay(++this.attempt);
      if (error instanceof TopologyError) this.tellFailure(error, delayMs);
      this.plan(delayMs);
    } finally {
      this.looking = false;
    }
  }

  private nextLookMs(): number {
    if (this.hurries === 0) return WATCH_MS + (Math.random() - 0.5) * JITTER_MS;
    this.hurries--;
    return HURRY_MS;
  }

  private tellFailure(error: TopologyError, delayMs: number): void {
    for (const partition of this.partitions)
      if (!partition.isPlaced) partition.unplaced(this.attempt, delayMs, error);
    if (!error.refused || this.refusedBefore) return;
    this.refusedBefore = true;
    this.tellProblem(error);
  }

  private tellProblem(cause: Error): void {
    const [first] = this.partitions;
    first?.problem(cause);
  }
}
