import type { ChannelNames } from '../protocol/channel-names.js';
import { serverOf } from '../protocol/connection-id.js';
import { ALL, type Address, type TargetRef } from '../protocol/target.js';

/**
 * The number of channels beyond which a message is published once, on the channel that every server hears. A message
 * names all its targets on each of its channels, so its cost grows with the square of their number: for 33 users with ids
 * of 36 bytes, one publish is 1.3 KB instead of 43 KB; for 4,000 users, 0.16 MB instead of 610 MB. Below the limit,
 * servers without recipients do not receive the message.
 */
export const MAX_CHANNELS = 32;

/** The channels that reach all other servers that may hold addressed connections. */
export function channelsOf(
  { path, targets }: Address,
  channels: ChannelNames,
  self: string,
): readonly string[] {
  if (targets.some(({ kind }) => kind === 'all')) return [channels.target(path, ALL)];
  const result = new Set<string>();
  for (const target of targets) {
    if (target.kind !== 'connection') {
      result.add(channels.target(path, target));
    } else {
      const server = serverOf(target.name);
      if (server !== undefined && server !== self) result.add(channels.server(server));
    }
    if (result.size > MAX_CHANNELS) return [channels.servers];
  }
  return [...result];
}

/** The channels that reach all of these servers. */
export function channelsOfServers(servers: readonly string[], channels: ChannelNames): readonly string[] {
  return servers.length > MAX_CHANNELS
    ? [channels.servers]
    : servers.map((server) => channels.server(server));
}

/** Whether all targets are connections (or there are none), so that their ids tell which servers are concerned. */
export function namesConnectionsOnly({ targets }: Address): boolean {
  return targets.every(({ kind }) => kind === 'connection');
}

/** The ids of the connections that the address names, without duplicates and without those that it excludes by id. */
export function namedConnections({ targets, excluded }: Address): string[] {
  const left = new Set(idsOf(excluded));
  return [...new Set(idsOf(targets))].filter((id) => !left.has(id));
}

/** The other servers that hold the connections that the address names by id. */
export function serversNamed(address: Address, self: string): ReadonlySet<string> {
  const servers = new Set<string>();
  for (const id of namedConnections(address)) {
    const server = serverOf(id);
    if (server !== undefined && server !== self) servers.add(server);
  }
  return servers;
}

/** The servers that an address concerns, including this one; `undefined` if any server may hold its connections. */
export function serversOf(address: Address, self: string): ReadonlySet<string> | undefined {
  return namesConnectionsOnly(address) ? new Set([self, ...serversNamed(address, self)]) : undefined;
}

function idsOf(targets: readonly TargetRef[]): string[] {
  return targets.filter(({ kind }) => kind === 'connection').map(({ name }) => name);
}
