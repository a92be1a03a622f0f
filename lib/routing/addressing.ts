import type { ChannelNames } from '../protocol/channel-names.js';
import { serverOf } from '../protocol/connection-id.js';
import { ALL, type Address, type TargetRef } from '../protocol/target.js';

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
  return [...result];
}

/** Whether the address names connections by their ids alone, so that it is known which servers hold them. */
export function namesConnectionsOnly({ targets }: Address): boolean {
  return targets.every(({ kind }) => kind === 'connection');
}

/** The connections that the address names by id, less those that it leaves out by id. */
export function namedConnections({ targets, excluded }: Address): string[] {
  const left = new Set(idsOf(excluded));
  return idsOf(targets).filter((id) => !left.has(id));
}

function idsOf(targets: readonly TargetRef[]): string[] {
  return targets.filter(({ kind }) => kind === 'connection').map(({ name }) => name);
}
