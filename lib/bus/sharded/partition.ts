import { crc32 } from 'node:zlib';
import { ChannelNames } from '../../protocol/channel-names.js';
import { hashSlot } from '../../protocol/hash-slot.js';

/**
 * One tag for each partition. Their slots are 1/12 of all slots apart, so any 2, 3, 4, 6 or 12 masters that share
 * the slots evenly share the partitions evenly; counted tags ({0} to {11}) would lie as chance has it. It must be
 * the same for all servers of a farm, so it is no option. More partitions serve more masters, at a price: each server
 * keeps numbers of its own for each of them, and of every other server.
 */
const TAGS = ['18e', '5nw', '7gz', '1mo', 'h85', '72p', 'f0s', '7l1', 'hft', 'fey', 'b3k', '506'] as const;

/** Channels that share a slot, and so a node. */
export class Partition {
  readonly slot: number;
  /** The channels that each partition has for itself: heartbeats, and the way to this server. */
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

  /** @param channel one that begins with the prefix */
  realName(channel: string): string {
    return this.base + channel.slice(this.prefix.length);
  }

  /** The channel of this real name. */
  nameOf(real: string): string {
    return this.prefix + real.slice(this.base.length);
  }
}

/** All partitions of an app. A channel belongs to that of {@link partitionOf}. */
export function allPartitions(prefix: string): Partition[] {
  return TAGS.map((tag) => new Partition(prefix, tag));
}

/** The index of a channel's partition, the same on every server. */
export function partitionOf(channel: string): number {
  return crc32(channel) % TAGS.length;
}

/** The channel on which servers say that they are there, of the partition with this tag. */
export function heartbeatChannel(prefix: string, tag: string): string {
  return `${prefix}:{${tag}}:servers`;
}

/** Reads the tag out of real names. */
export function tagReader(prefix: string): (real: Buffer) => string {
  const start = prefix.length + ':{'.length;
  const end = start + TAGS[0].length;
  return (real) => real.toString('latin1', start, end);
}
