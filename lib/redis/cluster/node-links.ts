import type { Redis, RedisOptions } from 'ioredis';
import type { RedisNode } from '../../options/connection-plan.js';
import type { RedisRole } from '../../options/redis-backplane-options.js';
import { SHARDED } from '../pub-sub-commands.js';
import { OwnRedisClients } from '../redis-clients.js';
import { RedisTransport } from '../redis-transport.js';
import type { LinkRole, TransportEvents } from '../../bus/transport.js';
import { decodeBundle, HeartbeatBundle, isHeartbeat } from '../../bus/sharded/heartbeat-bundle.js';
import { optionsFor } from './node-options.js';

/** What the links to all nodes have in common. */
export interface NodeLinksSetup {
  readonly redis: RedisOptions;
  /** The first part of the name of each connection. */
  readonly name: string;
  /** The channels of the app, as an ACL rule writes them after `&`. */
  readonly pattern: string;
  /** The tag of the channel's partition, which the name of the channel contains. */
  tagOf(channel: Buffer): string;
  /** The channel for the heartbeats of the partition with this tag. */
  heartbeatChannelOf(tag: string): string;
  /** Called when Redis ends a subscription because the slot of its channel has moved. */
  slotMoved(): void;
}

/** A partition whose slot the node owns. */
interface Member {
  readonly events: TransportEvents;
  /** The channel for its heartbeats. */
  readonly heartbeats: { readonly name: string; readonly bytes: Buffer };
  /** Its position in the order in which partitions were attached. */
  readonly order: number;
}

/** One pair of links to one Redis node, shared by the partitions whose slots the node owns. */
export class NodeLinks {
  private readonly links: RedisTransport;
  private readonly members = new Map<string, Member>();
  /** The links that are up, with the Redis process that they lead to. */
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

  /** Starts to report the events of the links to the partition with this tag, beginning with the links that are up. */
  attach(tag: string, events: TransportEvents): void {
    const name = this.setup.heartbeatChannelOf(tag);
    this.members.set(tag, { events, heartbeats: { name, bytes: Buffer.from(name) }, order: ++this.attached });
    for (const [role, node] of this.rolesUp) events.up(role, node);
  }

  /**
   * Stops reporting to the partition with this tag.
   *
   * @returns the links that are up, for which the partition gets no `down`
   */
  detach(tag: string): readonly LinkRole[] {
    return this.members.delete(tag) ? [...this.rolesUp.keys()] : [];
  }

  publish(tag: string, channel: string, bytes: Buffer): Promise<void> {
    const member = this.members.get(tag);
    if (member && channel === member.heartbeats.name && isHeartbeat(bytes))
      return this.bundle.add({ tag, channel, envelope: bytes, order: member.order });
    // Heartbeats of one turn are bundled. Sending the bundle first keeps this message from overtaking them.
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
      this.notify((member) => member.up(role, node));
    },
    down: (role, ...why) => {
      this.rolesUp.delete(role);
      this.notify((member) => member.down(role, ...why));
    },
    retrying: (...what) => this.notify((member) => member.retrying(...what)),
    moved: (since) => this.notify((member) => member.moved(since)),
    problem: (cause) => {
      // The problem concerns the node, so it is reported once, not once per partition.
      const [first] = this.members.values();
      first?.events.problem(cause);
    },
    message: (bytes, channel) => {
      const bundle = decodeBundle(bytes);
      if (!bundle) return this.members.get(this.setup.tagOf(channel))?.events.message(bytes, channel);
      // Skips the heartbeats of partitions that this server reaches through another node.
      for (const { tag, envelope } of bundle) {
        const member = this.members.get(tag);
        member?.events.message(envelope, member.heartbeats.bytes);
      }
    },
  };

  /** Iterates over a copy, because a member may detach itself or others. */
  private notify(callback: (events: TransportEvents) => void): void {
    for (const { events } of [...this.members.values()]) callback(events);
  }
}

/** Clients that also report when Redis ends a sharded subscription. */
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
    // Undocumented: ioredis emits `moved` after an unsolicited SUNSUBSCRIBE, without naming the channel.
    return client.on('moved', this.slotMoved);
  }
}
