import type { ChannelNames } from '../protocol/channel-names.js';
import { serverOf } from '../protocol/connection-id.js';
import { ALL, type Address, type TargetRef } from '../protocol/target.js';

/**
 * A message names all its targets on each channel that it is published on, so its cost grows with the square of their
 * number. Beyond this many channels it is published once, on the channel that every server hears: for 33 users of 36 bytes
 * that is 1.3 KB instead of 43 KB, and for 4,000 of them 0.16 MB instead of 610 MB. Below it, servers without any of the
 * recipients need not read it.
 */
export const MAX_CHANNELS = 32;

/** The channels on which the other servers that may hold addressed connections listen. */
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

/** The channels on which all of these servers listen. */
export function channelsOfServers(servers: readonly string[], channels: ChannelNames): readonly string[] {
  return servers.length > MAX_CHANNELS
    ? [channels.servers]
    : servers.map((server) => channels.server(server));
}

/** Whether the address names connections by their ids alone, or nobody, so that it is known which servers hold them. */
export function namesConnectionsOnly({ targets }: Address): boolean {
  return targets.every(({ kind }) => kind === 'connection');
}

/** The connections that the address names by id, each once, less those that it leaves out by id. */
export function namedConnections({ targets, excluded }: Address): string[] {
  const left = new Set(idsOf(excluded));
  return [...new Set(idsOf(targets))].filter((id) => !left.has(id));
}

/** The other servers that hold connections which the address names by id, going by these ids. */
export function serversNamed(address: Address, self: string): ReadonlySet<string> {
  const servers = new Set<string>();
  for (const id of namedConnections(address)) {
    const server = serverOf(id);
    if (server !== undefined && server !== self) servers.add(server);
  }
  return servers;
}

/** The servers that an address concerns, this one among them; `undefined` where any server may hold its connections. */
export function serversOf(address: Address, self: string): ReadonlySet<string> | undefined {
  return namesConnectionsOnly(address) ? new Set([self, ...serversNamed(address, self)]) : undefined;
}

function idsOf(targets: readonly TargetRef[]): string[] {
  return targets.filter(({ kind }) => kind === 'connection').map(({ name }) => name);
}
