import type { RedisNode } from '../../options/connection-plan.js';
import { retryDelay } from '../redis-clients.js';
import { ownerOf, sameNode } from './cluster-view.js';
import { NodeLinks, type NodeLinksSetup } from './node-links.js';
import { type Topology, TopologyError } from './topology.js';

/** How often to check who owns the slots. The jitter keeps the servers of a farm from checking all at once. */
const WATCH_MS = 1000;
const JITTER_MS = 200;
/** After a sign that a slot has moved, checks run more often, because the queried node may not know of the move yet. */
const QUICK_CHECK_MS = 100;
const QUICK_CHECKS = 10;

/** A partition, which is to be placed on the node that owns its slot. */
export interface ShardMember {
  readonly slot: number;
  readonly isPlaced: boolean;
  /** This node owns the slot, according to a query that was sent at `queriedAt`. */
  place(node: RedisNode, queriedAt: number): void;
  /** The owner of the slot could not be found. */
  unplaced(attempt: number, delayMs: number, cause: Error): void;
  problem(cause: Error): void;
}

/** Tracks which node owns each partition, and keeps one pair of links to each node that owns at least one. */
export class ShardNodes {
  private readonly partitions = new Set<ShardMember>();
  /** The open links, with the number of partitions that use them. */
  private readonly links = new Map<NodeLinks, number>();
  /** The pending closes of links that no partition needs any more. */
  private readonly closing = new Set<Promise<void>>();
  private readonly setup: NodeLinksSetup;
  private timer: NodeJS.Timeout | undefined;
  private quickChecksLeft = 0;
  private isChecking = false;
  private attempt = 0;
  private refusedBefore = false;
  private reportedTooOld = false;

  constructor(
    private readonly topology: Topology,
    setup: Omit<NodeLinksSetup, 'slotMoved'>,
  ) {
    this.setup = { ...setup, slotMoved: () => this.checkSoon() };
  }

  add(partition: ShardMember): void {
    this.partitions.add(partition);
    if (this.partitions.size === 1) this.scheduleCheck(0);
  }

  remove(partition: ShardMember): void {
    this.partitions.delete(partition);
    if (this.partitions.size > 0) return;
    clearTimeout(this.timer);
    this.topology.close();
  }

  /** A slot may have moved: checks now, and ten times a second for a while. */
  checkSoon(): void {
    this.quickChecksLeft = QUICK_CHECKS;
    if (!this.isChecking) this.scheduleCheck(0);
  }

  /** Reports that a node does not support sharded pub/sub: once, not once per partition. */
  reportTooOld(cause: Error): void {
    if (this.reportedTooOld) return;
    this.reportedTooOld = true;
    const advice =
      'the option sharded needs Redis 7 or later on all nodes; remove the option, or upgrade Redis';
    this.reportProblem(new Error(`${advice} (${cause.message})`, { cause }));
  }

  /** Returns the links to this node, and counts one more partition that uses them. */
  acquire(node: RedisNode): NodeLinks {
    const known = [...this.links.keys()].find((links) => sameNode(links.node, node));
    const links = known ?? new NodeLinks(node, this.setup);
    this.links.set(links, (this.links.get(links) ?? 0) + 1);
    return links;
  }

  /** Counts one partition fewer. Closes the links once no partition uses them, and resolves when they are closed. */
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

  /** Resolves when all unused links are closed, including those of partitions that have moved. */
  async allReleased(): Promise<void> {
    await Promise.all(this.closing);
  }

  private scheduleCheck(delayMs: number): void {
    clearTimeout(this.timer);
    if (this.partitions.size > 0) this.timer = setTimeout(() => void this.check(), delayMs);
  }

  private async check(): Promise<void> {
    this.isChecking = true;
    const queriedAt = performance.now();
    try {
      const view = await this.topology.view();
      this.attempt = 0;
      this.refusedBefore = false;
      for (const partition of this.partitions) {
        const owner = ownerOf(view, partition.slot);
        if (owner) partition.place(owner, queriedAt);
        else if (!partition.isPlaced)
          partition.unplaced(1, WATCH_MS, new Error(`no node of the cluster owns slot ${partition.slot}`));
      }
      this.scheduleCheck(this.nextCheckMs());
    } catch (error) {
      const delayMs = retryDelay(++this.attempt);
      if (error instanceof TopologyError) this.reportFailure(error, delayMs);
      this.scheduleCheck(delayMs);
    } finally {
      this.isChecking = false;
    }
  }

  private nextCheckMs(): number {
    if (this.quickChecksLeft === 0) return WATCH_MS + (Math.random() - 0.5) * JITTER_MS;
    this.quickChecksLeft--;
    return QUICK_CHECK_MS;
  }

  private reportFailure(error: TopologyError, delayMs: number): void {
    for (const partition of this.partitions)
      if (!partition.isPlaced) partition.unplaced(this.attempt, delayMs, error);
    if (!error.refused || this.refusedBefore) return;
    this.refusedBefore = true;
    this.reportProblem(error);
  }

  private reportProblem(cause: Error): void {
    const [first] = this.partitions;
    first?.problem(cause);
  }
}
