import { ClientFrame } from '../protocol/client-frame.js';
import type { MessageFrames } from '../protocol/message-frames.js';
import type { Address, TargetRef } from '../protocol/target.js';
import type { LocalConnection } from './local-connection.js';
import type { PathMembers } from './path-members.js';

/** The number of the last delivery. Connections that a delivery has served or excluded are marked with it, which avoids a set per message. */
let deliveries = 0;

/**
 * Calls `visit` once for each of this server's connections that the address includes.
 *
 * @returns the number of connections
 */
export function forEachRecipient(
  members: PathMembers,
  { targets, excluded }: Address,
  visit: (connection: LocalConnection) => void,
): number {
  const [only] = targets;
  // The fast path for most messages: with a single target, no connection can be addressed twice.
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

/** This server's connections that the address includes. */
export function recipients(members: PathMembers, address: Address): LocalConnection[] {
  const found: LocalConnection[] = [];
  forEachRecipient(members, address, (connection) => found.push(connection));
  return found;
}

/** Called with the connections whose dialect cannot carry a message. */
export type OnUndeliverable = (
  address: Address,
  connections: readonly LocalConnection[],
  frames: MessageFrames,
) => void;

/**
 * Writes a message to this server's connections that the address includes. Synchronous, so the recipients and their order
 * are those of one moment.
 *
 * @returns the number of connections that it was written to
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
    const frame = frames.attemptFor(connection.dialect);
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
