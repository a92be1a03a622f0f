import { ChannelNames } from '../protocol/channel-names.js';
import { newServerId } from '../protocol/connection-id.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { Bus } from '../bus/bus.js';
import { HomeTransport } from './cluster/home-transport.js';
import { allPartitions, heartbeatChannel, tagReader } from '../bus/sharded/partition.js';
import { PartitionTransport } from './cluster/partition-transport.js';
import { ShardNodes } from './cluster/shard-nodes.js';
import { ShardedBus } from '../bus/sharded/sharded-bus.js';
import { Topology } from './cluster/topology.js';
import { MemoryNetwork } from '../bus/memory-network.js';
import { OwnRedisClients, UserRedisClients } from './redis-clients.js';
import { RedisTransport } from './redis-transport.js';
import { ServerBus } from '../bus/server-bus.js';
import type { Transport } from '../bus/transport.js';

/** Creates the bus of a new server, with the transport that the options ask for. The caller starts it. */
export function createBus(options: ResolvedOptions, channels: ChannelNames): Bus {
  const serverId = newServerId();
  const name = `backplane:${serverId}`;
  if (options.sharded) return createShardedBus(options, channels, serverId, name);
  const transport = createTransport(options, name, channels.pattern);
  return new ServerBus(serverId, channels, transport, { publishTimeoutMs: options.publishTimeoutMs });
}

function createShardedBus(
  { connection, channelPrefix, publishTimeoutMs }: ResolvedOptions,
  channels: ChannelNames,
  serverId: string,
  name: string,
): Bus {
  const { nodes: seeds, redis } = connection;
  const { pattern } = channels;
  const setup = {
    redis,
    name,
    pattern,
    tagOf: tagReader(channelPrefix),
    heartbeatChannelOf: (tag: string) => heartbeatChannel(channelPrefix, tag),
  };
  const nodes = new ShardNodes(new Topology(seeds, redis, name), setup);
  const shards = allPartitions(channelPrefix).map((partition, first, { length: every }) => {
    const transport = new PartitionTransport(partition.tag, partition.slot, nodes);
    const audits = { every, first };
    const bus = new ServerBus(serverId, partition.names, transport, { publishTimeoutMs, audits });
    return { partition, bus };
  });
  return new ShardedBus(serverId, channels, shards);
}

function createTransport(
  { connection, connectionFactory, channelPrefix }: ResolvedOptions,
  name: string,
  pattern: string,
): Transport {
  if (connectionFactory)
    return new RedisTransport(new UserRedisClients(connectionFactory, connection.redis, name), pattern);
  switch (connection.mode) {
    case 'memory':
      return MemoryNetwork.get(connection.memoryName ?? '').transport();
    case 'standalone':
    case 'sentinel':
      return new RedisTransport(new OwnRedisClients(connection.redis, name), pattern);
    case 'cluster':
      return new HomeTransport(connection, channelPrefix, name, pattern);
  }
}
