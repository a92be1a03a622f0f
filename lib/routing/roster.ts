import type { Bus } from '../bus/bus.js';
import { type ChannelNames, checkName } from '../protocol/channel-names.js';
import { ALL } from '../protocol/target.js';
import { toError } from '../protocol/thrown.js';
import { ChannelInterest, type PathTarget } from './channel-interest.js';
import type { LocalConnection, Membership } from './local-connection.js';
import { PathMembers } from './path-members.js';
import { ConnectionClosedError } from './request.errors.js';
import { NotJoinedError } from './routing.errors.js';

/** Who is where on this server, and so which channels it must hear. */
export class Roster {
  private readonly byPath = new Map<string, PathMembers>();
  private readonly interest: ChannelInterest;

  constructor(
    bus: Bus,
    channels: ChannelNames,
    private readonly keepsMemberships: boolean,
    unsubscribeDelayMs: number,
  ) {
    this.interest = new ChannelInterest(bus, channels, unsubscribeDelayMs);
  }

  get paths(): string[] {
    return [...this.byPath.keys()];
  }

  /** A gateway serves this path. Idempotent. */
  open(path: string): PathMembers {
    const known = this.byPath.get(path);
    if (known) return known;
    const members = new PathMembers();
    this.byPath.set(path, members);
    return members;
  }

  /** Whether the path's broadcasts are heard, as far as Redis is there. */
  hears(path: string): boolean {
    return (this.byPath.get(path)?.size ?? 0) > 0;
  }

  /** Someone is about to connect: the path's broadcasts are wanted until `arrived`, and heard when the promise resolves, as far as Redis is there. */
  expect(path: string): Promise<void> {
    return this.interest.acquire({ path, target: ALL }).catch(() => undefined);
  }

  /** Who was expected has been added by now, or does not come. */
  arrived(path: string): void {
    this.interest.release({ path, target: ALL });
  }

  members(path: string): PathMembers | undefined {
    return this.byPath.get(path);
  }

  /** The promise resolves when the connection can be reached from every server, as far as Redis is there; without one it can be now. */
  add(connection: LocalConnection): Promise<void> | undefined {
    const { path, userId } = connection;
    const members = this.open(path);
    // Waited for already, since the first client of a path is expected before it comes.
    if (members.size === 0) this.interest.acquire({ path, target: ALL }).catch(() => undefined);
    members.add(connection);
    if (userId === undefined) return undefined;
    return this.interest.acquire(userOf(connection)).catch(() => undefined);
  }

  remove(connection: LocalConnection): void {
    if (!connection.open) return;
    connection.open = false;
    for (const group of connection.memberships.keys()) this.interest.release(groupOf(connection, group));
    if (connection.userId !== undefined) this.interest.release(userOf(connection));
    const members = this.byPath.get(connection.path);
    members?.remove(connection);
    // A server without clients on a path does not receive its broadcasts.
    if (members?.size === 0) this.interest.release({ path: connection.path, target: ALL });
  }

  /**
   * Resolves when an emit from any server reaches the connection in this group; it is a member at once.
   *
   * @throws InvalidNameError, NotJoinedError, ConnectionClosedError (as rejections)
   */
  async join(connection: LocalConnection, group: string): Promise<void> {
    checkName("A group's name", group, 'group');
    const known = connection.memberships.get(group);
    if (known) return known.pending;
    if (!connection.open) throw new ConnectionClosedError(connection.id);
    const membership: Membership = { pending: undefined };
    this.byPath.get(connection.path)?.join(connection, group, membership);
    membership.pending = this.hear(connection, group, membership);
    return membership.pending;
  }

  /** Final when it returns: what was written before is handed to the socket, and nothing follows. */
  leave(connection: LocalConnection, group: string): void {
    if (!connection.memberships.has(group)) return;
    this.byPath.get(connection.path)?.leave(connection, group);
    this.interest.release(groupOf(connection, group));
    connection.sink.flush();
  }

  /** Whom a channel of this server's is for; `undefined` for channels that are for servers. */
  targetOf(channel: string): PathTarget | undefined {
    return this.interest.targetOf(channel);
  }

  close(): void {
    this.interest.close();
  }

  private async hear(connection: LocalConnection, group: string, membership: Membership): Promise<void> {
    const failure = await this.interest.acquire(groupOf(connection, group)).then(() => undefined, toError);
    membership.pending = undefined;
    if (!connection.open) throw new ConnectionClosedError(connection.id);
    if (!failure || this.keepsMemberships) return;
    // Left and joined again meanwhile: that membership is another one's to undo.
    if (connection.memberships.get(group) === membership) this.leave(connection, group);
    throw new NotJoinedError(group, failure);
  }
}

function groupOf({ path }: LocalConnection, name: string): PathTarget {
  return { path, target: { kind: 'group', name } };
}

function userOf({ path, userId = '' }: LocalConnection): PathTarget {
  return { path, target: { kind: 'user', name: userId } };
}
