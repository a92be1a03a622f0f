import type { ChannelNames } from '../protocol/channel-names.js';
import { serverOf } from '../protocol/connection-id.js';
import { ALL, type Address, type TargetRef } from '../protocol/target.js';

/**
 * A message names all its targets on each channel that it is published on, so its cost grows with the square of their
 * number. Beyond this many channels it is published once, on the channel that every server hears: 32 users of 20 bytes
 * are 20 KB at most, where 4,000 on channels of their own were 609 MB.
 */
export const MAX_CHANNELS = 32;

/** The channels on which the other servers that may hold addressed connections listen. */
export function channelsOf({ path, targets }: Address, channels: ChannelNames, self: string): string[] {
  if (targets.some(({ kind }) => kind === 'all')) return [channels.target(path, ALL)];
  const result = new Set<string>();
  for (const target of targets) {
    if (target.kind !== 'connection') {
      result.add(channels.target(path, target));
      continue;
    }
    const server = serverOf(target.name);
    if (server !== undefined && server !== self) result.add(channels.server(server));
  }
  return result.size > MAX_CHANNELS ? [channels.servers] : [...result];
}

/** Whether the address names connections by their ids alone, so that it is known which servers hold them. */
export function namesConnectionsOnly({ targets }: Address): boolean {
  return targets.every(({ kind }) => kind === 'connection');
}

/** The servers that an address concerns, this one among them; `undefined` where any server may hold its connections. */
export function serversOf(address: Address, self: string): ReadonlySet<string> | undefined {
  if (!namesConnectionsOnly(address)) return undefined;
  const servers = new Set([self]);
  for (const id of namedConnections(address)) servers.add(serverOf(id) ?? self);
  return servers;
}

/** The connections that the address names by id, less those that it leaves out by id. */
export function namedConnections({ targets, excluded }: Address): string[] {
  const left = new Set(idsOf(excluded));
  return idsOf(targets).filter((id) => !left.has(id));
}

function idsOf(targets: readonly TargetRef[]): string[] {
  return targets.filter(({ kind }) => kind === 'connection').map(({ name }) => name);
}
