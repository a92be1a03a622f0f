import { crc32 } from 'node:zlib';
import { ChannelNames } from '../../protocol/channel-names.js';
import { hashSlot } from '../../protocol/hash-slot.js';

/**
 * The hash tag of each partition. Their slots are 1/12 of all slots apart. So if 2, 3, 4, 6 or 12 masters share the slots
 * evenly, they share the partitions evenly; counted tags ({0} to {11}) would be spread at random. The tags must be the
 * same on all servers of a farm, so they are not an option. More partitions would serve more masters, but every server
 * keeps state for each partition and for every peer in it.
 */
const TAGS = ['18e', '5nw', '7gz', '1mo', 'h85', '72p', 'f0s', '7l1', 'hft', 'fey', 'b3k', '506'] as const;

/** A set of channels that share a slot, and therefore a Redis node. */
export class Partition {
  readonly slot: number;
  /** The channels that each partition has of its own: the servers' channel for heartbeats, and one per server. */
  readonly names: ChannelNames;
  private readonly base: string;

  constructor(
    private readonly prefix: string,
    readonly tag: string,
  ) {
    this.base = `${prefix}:{${tag}}`;
    this.slot = hashSlot(this.base);
    this.names = new ChannelNames(this.base, `${prefix}:*`);
  }

  /** The channel's name in Redis, with the hash tag. @param channel must begin with the prefix */
  realName(channel: string): string {
    return this.base + channel.slice(this.prefix.length);
  }

  /** The channel with this name in Redis. */
  nameOf(real: string): string {
    return this.prefix + real.slice(this.base.length);
  }
}

/** All partitions of an app. {@link partitionOf} returns the index of a channel's partition. */
export function allPartitions(prefix: string): Partition[] {
  return TAGS.map((tag) => new Partition(prefix, tag));
}

/** The index of a channel's partition, the same on every server. */
export function partitionOf(channel: string): number {
  return crc32(channel) % TAGS.length;
}

/** The heartbeat channel of the partition with this tag. */
export function heartbeatChannel(prefix: string, tag: string): string {
  return `${prefix}:{${tag}}:servers`;
}

/** Creates a function that reads the tag from a channel's name in Redis. */
export function tagReader(prefix: string): (real: Buffer) => string {
  const start = prefix.length + ':{'.length;
  const end = start + TAGS[0].length;
  return (real) => real.toString('latin1', start, end);
}
