import type { TargetRef } from '../protocol/target.js';
import type { LocalConnection, Membership } from './local-connection.js';

const NOBODY: ReadonlySet<LocalConnection> = new Set();

/** This server's connections of one path: by id, by group and by user. Synchronous. */
export class PathMembers {
  private readonly byId = new Map<string, LocalConnection>();
  private readonly groups = new Map<string, Set<LocalConnection>>();
  private readonly users = new Map<string, Set<LocalConnection>>();

  get size(): number {
    return this.byId.size;
  }

  all(): IterableIterator<LocalConnection> {
    return this.byId.values();
  }

  get(id: string): LocalConnection | undefined {
    return this.byId.get(id);
  }

  /** The connections of a target, which must not be of kind `connection`. */
  of({ kind, name }: TargetRef): Iterable<LocalConnection> {
    if (kind === 'all') return this.byId.values();
    return (kind === 'group' ? this.groups : this.users).get(name) ?? NOBODY;
  }

  /** The number of members of a group. */
  groupSize(name: string): number {
    return this.groups.get(name)?.size ?? 0;
  }

  /** Whether the target, which must not be of kind `connection`, has connections. */
  has(target: TargetRef): boolean {
    const [first] = this.of(target);
    return first !== undefined;
  }

  add(connection: LocalConnection): void {
    this.byId.set(connection.id, connection);
    if (connection.userId !== undefined) addTo(this.users, connection.userId, connection);
  }

  remove(connection: LocalConnection): void {
    this.byId.delete(connection.id);
    if (connection.userId !== undefined) removeFrom(this.users, connection.userId, connection);
    for (const group of [...connection.memberships.keys()]) this.leave(connection, group);
  }

  join(connection: LocalConnection, group: string, membership: Membership): void {
    connection.addMembership(group, membership);
    addTo(this.groups, group, connection);
  }

  leave(connection: LocalConnection, group: string): void {
    connection.removeMembership(group);
    removeFrom(this.groups, group, connection);
  }
}

function addTo(index: Map<string, Set<LocalConnection>>, name: string, connection: LocalConnection): void {
  const members = index.get(name);
  if (members) members.add(connection);
  else index.set(name, new Set([connection]));
}

function removeFrom(
  index: Map<string, Set<LocalConnection>>,
  name: string,
  connection: LocalConnection,
): void {
  const members = index.get(name);
  members?.delete(connection);
  if (members?.size === 0) index.delete(name);
}
