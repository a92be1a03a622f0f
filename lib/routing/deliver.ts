import type { MessageFrames } from '../protocol/message-frames.js';
import type { Address, TargetRef } from '../protocol/target.js';
import type { LocalConnection } from './local-connection.js';
import type { PathMembers } from './path-members.js';

/** Deliveries of this process so far: marks a connection as served, or left out, without a set per message. */
let deliveries = 0;

/** This server's connections that an address names: each once, without those excluded. */
export function* recipients(
  members: PathMembers,
  { targets, excluded }: Address,
): Generator<LocalConnection> {
  const delivery = ++deliveries;
  for (const target of excluded)
    for (const connection of membersOf(members, target)) connection.lastDelivery = delivery;
  for (const target of targets) {
    for (const connection of membersOf(members, target)) {
      if (connection.lastDelivery === delivery) continue;
      connection.lastDelivery = delivery;
      yield connection;
    }
  }
}

/**
 * Writes a message to this server's connections that the address names. It does not yield to the loop
 * meanwhile, so who receives, and in which order, is decided at one moment.
 *
 * @returns to how many
 */
export function deliver(
  members: PathMembers,
  address: Address,
  frames: MessageFrames,
  volatile: boolean,
): number {
  let count = 0;
  for (const connection of recipients(members, address)) {
    connection.sink.write(frames.for(connection.protocol), volatile);
    count++;
  }
  return count;
}

function membersOf(members: PathMembers, target: TargetRef): Iterable<LocalConnection> {
  if (target.kind !== 'connection') return members.of(target);
  const connection = members.get(target.name);
  return connection ? [connection] : [];
}
