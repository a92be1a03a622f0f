import { ChannelNames } from '../protocol/channel-names.js';
import { newServerId } from '../protocol/connection-id.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { Bus } from './bus.js';
import { HomeTransport } from './cluster/home-transport.js';
import { MemoryTransport } from './memory-transport.js';
import { OwnRedisClients, UserRedisClients } from './redis-clients.js';
import { RedisTransport } from './redis-transport.js';
import { ServerBus } from './server-bus.js';
import type { Transport } from './transport.js';

/** A bus that is not started yet, for a server that is new. */
export function createBus(options: ResolvedOptions, channels: ChannelNames): Bus {
  const serverId = newServerId();
  const transport = createTransport(options, `backplane:${serverId}`, channels.pattern);
  return new ServerBus(serverId, channels, transport, options.publishTimeoutMs);
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
      return new MemoryTransport(connection.memoryName ?? '');
    case 'standalone':
    case 'sentinel':
      return new RedisTransport(new OwnRedisClients(connection.redis, name), pattern);
    case 'cluster':
      return new HomeTransport(connection, channelPrefix, name, pattern);
  }
}
