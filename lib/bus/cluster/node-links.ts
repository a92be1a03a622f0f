import type { Redis, RedisOptions } from 'ioredis';
import type { RedisNode } from '../../options/connection-plan.js';
import type { RedisRole } from '../../options/redis-backplane-options.js';
import { SHARDED } from '../pub-sub-commands.js';
import { OwnRedisClients } from '../redis-clients.js';
import { RedisTransport } from '../redis-transport.js';
import type { LinkRole, TransportEvents } from '../transport.js';
import { optionsFor } from './node-options.js';

/** What the links of all nodes have in common. */
export interface NodeLinksSetup {
  readonly redis: RedisOptions;
  readonly name: string;
  readonly pattern: string;
  /** The tag in a channel's real name. */
  tagOf(channel: Buffer): string;
  /** Redis took a subscription back, for the slot of its channel has moved. */
  slotMoved(): void;
}

/** One pair of links to one node, shared by the partitions whose slots it owns. */
export class NodeLinks {
  private readonly links: RedisTransport;
  private readonly members = new Map<string, TransportEvents>();
  /** Which links are up, and where they lead. */
  private readonly rolesUp = new Map<LinkRole, string | undefined>();

  constructor(
    readonly node: RedisNode,
    private readonly setup: NodeLinksSetup,
  ) {
    const clients = new NodeClients(optionsFor(setup.redis, node), setup.name, () => setup.slotMoved());
    this.links = new RedisTransport(clients, setup.pattern, SHARDED);
    void this.links.open(this.events);
  }

  /** From now on the partition of this tag is told how the links do, beginning with what they are. */
  attach(tag: string, member: TransportEvents): void {
    this.members.set(tag, member);
    for (const [role, node] of this.rolesUp) member.up(role, node);
  }

  /** @returns the links that are up, of which the partition is told no more */
  detach(tag: string): readonly LinkRole[] {
    return this.members.delete(tag) ? [...this.rolesUp.keys()] : [];
  }

  publish(channel: string, bytes: Buffer): Promise<void> {
    return this.links.publish(channel, bytes);
  }

  subscribe(channels: readonly string[]): Promise<void> {
    return this.links.subscribe(channels);
  }

  unsubscribe(channels: readonly string[]): Promise<void> {
    return this.links.unsubscribe(channels);
  }

  reset(cause: Error): void {
    this.links.reset(cause);
  }

  close(): Promise<void> {
    return this.links.close();
  }

  private readonly events: TransportEvents = {
    up: (role, node) => {
      this.rolesUp.set(role, node);
      this.tell((member) => member.up(role, node));
    },
    down: (role, ...why) => {
      this.rolesUp.delete(role);
      this.tell((member) => member.down(role, ...why));
    },
    retrying: (...what) => this.tell((member) => member.retrying(...what)),
    moved: (since) => this.tell((member) => member.moved(since)),
    problem: (cause) => {
      // One problem of the node, not one of each partition.
      const [first] = this.members.values();
      first?.problem(cause);
    },
    message: (bytes, channel) => this.members.get(this.setup.tagOf(channel))?.message(bytes, channel),
  };

  /** Whoever is told may detach itself or others by it. */
  private tell(what: (member: TransportEvents) => void): void {
    for (const member of [...this.members.values()]) what(member);
  }
}

class NodeClients extends OwnRedisClients {
  constructor(
    options: RedisOptions,
    name: string,
    private readonly slotMoved: () => void,
  ) {
    super(options, name);
  }

  override async create(role: RedisRole): Promise<Redis> {
    const client = await super.create(role);
    // ioredis tells it of SUNSUBSCRIBE that nobody asked for, but not of which channel.
    return client.on('moved', this.slotMoved);
  }
}
