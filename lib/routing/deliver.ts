import { ClientFrame } from '../protocol/client-frame.js';
import type { MessageFrames } from '../protocol/message-frames.js';
import type { Address, TargetRef } from '../protocol/target.js';
import type { LocalConnection } from './local-connection.js';
import type { PathMembers } from './path-members.js';

/** Deliveries of this process so far: marks a connection as served, or left out, without a set per message. */
let deliveries = 0;

/**
 * Calls `visit` for this server's connections that an address names: once for each, and not for those excluded.
 *
 * @returns for how many
 */
export function forEachRecipient(
  members: PathMembers,
  { targets, excluded }: Address,
  visit: (connection: LocalConnection) => void,
): number {
  const [only] = targets;
  // By far the most messages: nobody can be addressed twice, and nobody has to be marked.
  if (only && targets.length === 1 && excluded.length === 0) return visitAll(membersOf(members, only), visit);
  const delivery = ++deliveries;
  for (const target of excluded)
    for (const connection of membersOf(members, target)) connection.lastDelivery = delivery;
  let count = 0;
  for (const target of targets) {
    for (const connection of membersOf(members, target)) {
      if (connection.lastDelivery === delivery) continue;
      connection.lastDelivery = delivery;
      visit(connection);
      count++;
    }
  }
  return count;
}

/** The same as a list. */
export function recipients(members: PathMembers, address: Address): LocalConnection[] {
  const found: LocalConnection[] = [];
  forEachRecipient(members, address, (connection) => found.push(connection));
  return found;
}

/** Told of the connections whose protocol cannot carry a message. */
export type OnUndeliverable = (
  address: Address,
  connections: readonly LocalConnection[],
  frames: MessageFrames,
) => void;

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
  onUndeliverable: OnUndeliverable,
): number {
  const without: LocalConnection[] = [];
  const count = forEachRecipient(members, address, (connection) => {
    const frame = frames.attempt(connection.protocol);
    if (frame instanceof ClientFrame) connection.sink.write(frame, volatile);
    else without.push(connection);
  });
  if (without.length > 0) onUndeliverable(address, without, frames);
  return count - without.length;
}

function visitAll(
  connections: Iterable<LocalConnection>,
  visit: (connection: LocalConnection) => void,
): number {
  let count = 0;
  for (const connection of connections) {
    visit(connection);
    count++;
  }
  return count;
}

function membersOf(members: PathMembers, target: TargetRef): Iterable<LocalConnection> {
  if (target.kind !== 'connection') return members.of(target);
  const connection = members.get(target.name);
  return connection ? [connection] : [];
}
