import type { Redis } from 'ioredis';

/** The commands of one kind of pub/sub. Redis has two, and neither delivers messages of the other. */
export interface PubSubCommands {
  publish(client: Redis, channel: string, bytes: Buffer): Promise<unknown>;
  subscribe(client: Redis, channels: readonly string[]): Promise<unknown>;
  unsubscribe(client: Redis, channels: readonly string[]): Promise<unknown>;
}

/** Classic pub/sub: a channel belongs to the whole Redis node or, in a cluster, to all of its nodes. */
export const CLASSIC: PubSubCommands = {
  publish: (client, channel, bytes) => client.publish(channel, bytes),
  subscribe: (client, channels) => client.subscribe(...channels),
  unsubscribe: (client, channels) => client.unsubscribe(...channels),
};

/** Sharded pub/sub: a channel belongs to the node that owns its slot. One command takes channels of one slot only. */
export const SHARDED: PubSubCommands = {
  publish: (client, channel, bytes) => client.spublish(channel, bytes),
  subscribe: (client, channels) => client.ssubscribe(...channels),
  unsubscribe: (client, channels) => client.sunsubscribe(...channels),
};
