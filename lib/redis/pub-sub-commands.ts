import type { Redis } from 'ioredis';

/** The commands of one of Redis' two kinds of pub/sub, which do not hear each other. */
export interface PubSubCommands {
  publish(client: Redis, channel: string, bytes: Buffer): Promise<unknown>;
  subscribe(client: Redis, channels: readonly string[]): Promise<unknown>;
  unsubscribe(client: Redis, channels: readonly string[]): Promise<unknown>;
}

/** Channels of the whole server; in a cluster, of all of its nodes. */
export const CLASSIC: PubSubCommands = {
  publish: (client, channel, bytes) => client.publish(channel, bytes),
  subscribe: (client, channels) => client.subscribe(...channels),
  unsubscribe: (client, channels) => client.unsubscribe(...channels),
};

/** Channels that belong to slots, and to the nodes that own those. One command takes channels of one slot only. */
export const SHARDED: PubSubCommands = {
  publish: (client, channel, bytes) => client.spublish(channel, bytes),
  subscribe: (client, channels) => client.ssubscribe(...channels),
  unsubscribe: (client, channels) => client.sunsubscribe(...channels),
};
