import type { RedisNode } from '../../options/connection-plan.js';
import {
  PublishRefusedError,
  SubscriptionRefusedError,
  type Transport,
  type TransportEvents,
} from '../../bus/transport.js';
import { sameNode } from './cluster-view.js';
import type { NodeLinks } from './node-links.js';
import type { ShardMember, ShardNodes } from './shard-nodes.js';

/** The reply of a node that does not own the slot, or that cannot tell because the cluster is down. */
const NOT_OWNER = /^(MOVED|CLUSTERDOWN) /;

/** The reply of Redis before 7 to the commands of sharded pub/sub. */
const UNKNOWN_COMMAND = /^ERR unknown command/;

/**
 * Carries one partition over the links to the node that currently owns its slot. When the slot moves, the partition
 * switches to the links of the new owner. To the bus above, that looks as if the links had been lost.
 */
export class PartitionTransport implements Transport, ShardMember {
  private events: TransportEvents | undefined;
  private links: NodeLinks | undefined;
  /** The last time at which the node was known to own the slot. */
  private confirmedAt = 0;

  constructor(
    readonly tag: string,
    readonly slot: number,
    private readonly nodes: ShardNodes,
  ) {}

  get isPlaced(): boolean {
    return this.links !== undefined;
  }

  open(events: TransportEvents): Promise<void> {
    this.events = events;
    this.nodes.add(this);
    return Promise.resolve();
  }

  place(node: RedisNode, queriedAt: number): void {
    if (!this.events) return;
    if (this.links && !sameNode(this.links.node, node))
      this.leave(new Error('the slot of a partition has moved to another node'));
    this.confirmedAt = queriedAt;
    if (this.links) return;
    this.links = this.nodes.acquire(node);
    this.links.attach(this.tag, this.events);
  }

  unplaced(attempt: number, delayMs: number, cause: Error): void {
    this.events?.retrying('subscriber', attempt, delayMs, cause);
  }

  problem(cause: Error): void {
    this.events?.problem(cause);
  }

  async publish(channel: string, bytes: Buffer): Promise<void> {
    if (!this.links) throw new PublishRefusedError('no node of the cluster is known to own this channel');
    try {
      await this.links.publish(this.tag, channel, bytes);
    } catch (error) {
      if (error instanceof PublishRefusedError && NOT_OWNER.test(error.message)) this.nodes.checkSoon();
      throw error;
    }
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    const { links } = this;
    if (!links) throw new Error('no node of the cluster is known to own these channels');
    try {
      await links.subscribe(channels);
    } catch (error) {
      if (!(error instanceof SubscriptionRefusedError)) throw error;
      if (UNKNOWN_COMMAND.test(error.message)) this.nodes.reportTooOld(error);
      if (!NOT_OWNER.test(error.message)) throw error;
      // Not a SubscriptionRefusedError, which concerns single channels: the whole partition is on another node.
      const cause = new Error(`the node does not own the slot of a partition: ${error.message}`);
      if (links === this.links) this.leave(cause);
      this.nodes.checkSoon();
      throw cause;
    }
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    await this.links?.unsubscribe(channels);
  }

  reset(cause: Error): void {
    this.links?.reset(cause);
    this.nodes.checkSoon();
  }

  async close(): Promise<void> {
    this.events = undefined;
    this.nodes.remove(this);
    const { links } = this;
    this.links = undefined;
    links?.detach(this.tag);
    if (links) await this.nodes.release(links);
    await this.nodes.allReleased();
  }

  private leave(cause: Error): void {
    const { links, events } = this;
    if (!links || !events) return;
    this.links = undefined;
    events.moved(this.confirmedAt);
    for (const role of links.detach(this.tag)) events.down(role, cause);
    void this.nodes.release(links);
  }
}
