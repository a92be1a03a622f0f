import type { ChannelNames } from '../protocol/channel-names.js';
import { isRoaming, serverOf } from '../protocol/connection-id.js';
import { ALL, type Address, type TargetRef } from '../protocol/target.js';
import type { Roster } from './roster.js';

/**
 * The number of channels beyond which a message is published once, on the channel that every server hears. A message
 * names all its targets on each of its channels, so its cost grows with the square of their number: for 33 users with ids
 * of 36 bytes, one publish is 1.3 KB instead of 43 KB; for 4,000 users, 0.16 MB instead of 610 MB. Below the limit,
 * servers without recipients do not receive the message.
 */
export const MAX_CHANNELS = 32;

/** Finds the servers that an address concerns, and the channels that reach them. */
export class Addressing {
  constructor(
    private readonly serverId: string,
    private readonly channels: ChannelNames,
    private readonly roster: Pick<Roster, 'members'>,
  ) {}

  /** The channels that reach all other servers that may hold addressed connections. */
  channelsOf({ path, targets }: Address): readonly string[] {
    const { channels } = this;
    const all = [channels.target(path, ALL)];
    if (targets.some(({ kind }) => kind === 'all')) return all;
    const result = new Set<string>();
    for (const target of targets) {
      if (target.kind !== 'connection') {
        result.add(channels.target(path, target));
      } else {
        const server = this.holderOf(path, target.name);
        if (server !== undefined && server !== this.serverId) result.add(channels.server(server));
        // A roaming connection may be on any server, and every server with connections of the path hears this channel.
        if (server === undefined && isRoaming(target.name)) return all;
      }
      if (result.size > MAX_CHANNELS) return [channels.servers];
    }
    return [...result];
  }

  /** The server that holds the connection; `undefined` if any server may hold it, or if the id is malformed. */
  holderOf(path: string, connectionId: string): string | undefined {
    if (isRoaming(connectionId) && this.roster.members(path)?.get(connectionId)) return this.serverId;
    return serverOf(connectionId);
  }

  /** Whether any server may hold addressed connections. If not, their ids name the servers. */
  concernsFarm({ path, targets }: Address): boolean {
    return targets.some(
      ({ kind, name }) =>
        kind !== 'connection' || (isRoaming(name) && this.holderOf(path, name) === undefined),
    );
  }

  /** The other servers that hold connections which the address names by id, except for roaming ones. */
  serversNamed(address: Address): ReadonlySet<string> {
    const servers = new Set<string>();
    for (const id of namedConnections(address)) {
      const server = this.holderOf(address.path, id);
      if (server !== undefined && server !== this.serverId) servers.add(server);
    }
    return servers;
  }

  /** The servers that an address concerns, including this one; `undefined` if any server may hold its connections. */
  serversOf(address: Address): ReadonlySet<string> | undefined {
    return this.concernsFarm(address) ? undefined : new Set([this.serverId, ...this.serversNamed(address)]);
  }
}

/** Whether the address names one connection and nothing else. */
export function isOfOneConnection({ targets }: Address): boolean {
  return targets.length === 1 && targets[0]?.kind === 'connection';
}

/** Whether the address names connections and nothing else. If so, a request ends once all of them are found. */
export function namesConnectionsOnly({ targets }: Address): boolean {
  return targets.every(({ kind }) => kind === 'connection');
}

/** The channels that reach all of these servers. */
export function channelsOfServers(servers: readonly string[], channels: ChannelNames): readonly string[] {
  return servers.length > MAX_CHANNELS
    ? [channels.servers]
    : servers.map((server) => channels.server(server));
}

/** The ids of the connections that the address names, without duplicates and without those that it excludes by id. */
export function namedConnections({ targets, excluded }: Address): string[] {
  const left = new Set(idsOf(excluded));
  return [...new Set(idsOf(targets))].filter((id) => !left.has(id));
}

function idsOf(targets: readonly TargetRef[]): string[] {
  return targets.filter(({ kind }) => kind === 'connection').map(({ name }) => name);
}
