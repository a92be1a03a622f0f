import type { Redis, RedisOptions } from 'ioredis';
import type { RedisNode } from '../../options/connection-plan.js';
import type { RedisRole } from '../../options/redis-backplane-options.js';
import { SHARDED } from '../pub-sub-commands.js';
import { OwnRedisClients } from '../redis-clients.js';
import { RedisTransport } from '../redis-transport.js';
import type { LinkRole, TransportEvents } from '../../bus/transport.js';
import { decodeBundle, HeartbeatBundle, isHeartbeat } from '../../bus/sharded/heartbeat-bundle.js';
import { optionsFor } from './node-options.js';

/** What the links of all nodes have in common. */
export interface NodeLinksSetup {
  readonly redis: RedisOptions;
  readonly name: string;
  readonly pattern: string;
  /** The tag in a channel's real name. */
  tagOf(channel: Buffer): string;
  /** The channel on which the heartbeats of the partition of this tag come. */
  heartbeatChannelOf(tag: string): string;
  /** Redis took a subscription back because the slot of its channel has moved. */
  slotMoved(): void;
}

/** A partition on the node. */
interface Member {
  readonly events: TransportEvents;
  /** The channel on which its heartbeats come. */
  readonly heartbeats: { readonly name: string; readonly bytes: Buffer };
  readonly order: number;
}

/** One pair of links to one node, shared by the partitions whose slots it owns. */
export class NodeLinks {
  private readonly links: RedisTransport;
  private readonly members = new Map<string, Member>();
  /** Which links are up, and where they lead. */
  private readonly rolesUp = new Map<LinkRole, string | undefined>();
  private attached = 0;
  private readonly bundle = new HeartbeatBundle((channel, bytes) => this.links.publish(channel, bytes));

  constructor(
    readonly node: RedisNode,
    private readonly setup: NodeLinksSetup,
  ) {
    const clients = new NodeClients(optionsFor(setup.redis, node), setup.name, () => setup.slotMoved());
    this.links = new RedisTransport(clients, setup.pattern, SHARDED);
    void this.links.open(this.events);
  }

  /** From now on the partition of this tag is told how the links do, beginning with what they are. */
  attach(tag: string, events: TransportEvents): void {
    const name = this.setup.heartbeatChannelOf(tag);
    this.members.set(tag, { events, heartbeats: { name, bytes: Buffer.from(name) }, order: ++this.attached });
    for (const [role, node] of this.rolesUp) events.up(role, node);
  }

  /** @returns the links that are up, of which the partition is told no more */
  detach(tag: string): readonly LinkRole[] {
    return this.members.delete(tag) ? [...this.rolesUp.keys()] : [];
  }

  publish(tag: string, channel: string, bytes: Buffer): Promise<void> {
    const member = this.members.get(tag);
    if (member && channel === member.heartbeats.name && isHeartbeat(bytes))
      return this.bundle.add({ tag, channel, envelope: bytes, order: member.order });
    this.bundle.flush();
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
      first?.events.problem(cause);
    },
    message: (bytes, channel) => {
      const bundle = decodeBundle(bytes);
      if (!bundle) return this.members.get(this.setup.tagOf(channel))?.events.message(bytes, channel);
      // A partition that this server has on another node does not hear this one.
      for (const { tag, envelope } of bundle) {
        const member = this.members.get(tag);
        member?.events.message(envelope, member.heartbeats.bytes);
      }
    },
  };

  /** Iterates over a copy, because a member may detach itself or others. */
  private tell(what: (member: TransportEvents) => void): void {
    for (const { events } of [...this.members.values()]) what(events);
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
