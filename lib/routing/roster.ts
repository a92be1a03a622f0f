import type { Bus } from '../bus/bus.js';
import { type ChannelNames, checkName } from '../protocol/channel-names.js';
import { ALL } from '../protocol/target.js';
import { ChannelInterest } from './channel-interest.js';
import type { LocalConnection, Membership } from './local-connection.js';
import { PathMembers } from './path-members.js';
import { NotJoinedError } from './routing.errors.js';

/** Who is where on this server, and so which channels it must hear. */
export class Roster {
  private readonly byPath = new Map<string, PathMembers>();
  private readonly interest: ChannelInterest;

  constructor(
    bus: Bus,
    private readonly channels: ChannelNames,
  ) {
    this.interest = new ChannelInterest(bus);
  }

  get paths(): string[] {
    return [...this.byPath.keys()];
  }

  /** A gateway serves this path: from now on its broadcasts are wanted. Idempotent. */
  open(path: string): PathMembers {
    const known = this.byPath.get(path);
    if (known) return known;
    const members = new PathMembers();
    this.byPath.set(path, members);
    // Wanted until the bus closes: where Redis is not there yet, the bus subscribes it before `ready`.
    this.interest.acquire(this.channels.target(path, ALL)).catch(() => undefined);
    return members;
  }

  members(path: string): PathMembers | undefined {
    return this.byPath.get(path);
  }

  /** Resolves when the connection can be reached from every server, as far as Redis is there. */
  async add(connection: LocalConnection): Promise<void> {
    this.open(connection.path).add(connection);
    if (connection.userId === undefined) return;
    await this.interest.acquire(this.userChannel(connection)).catch(() => undefined);
  }

  remove(connection: LocalConnection): void {
    if (!connection.open) return;
    connection.open = false;
    for (const group of connection.memberships.keys())
      this.interest.release(this.groupChannel(connection, group));
    if (connection.userId !== undefined) this.interest.release(this.userChannel(connection));
    this.byPath.get(connection.path)?.remove(connection);
  }

  /**
   * Resolves when an emit from any server reaches the connection in this group; it is a member at once.
   *
   * @throws InvalidNameError, NotJoinedError (as rejections)
   */
  async join(connection: LocalConnection, group: string): Promise<void> {
    checkName("A group's name", group);
    const known = connection.memberships.get(group);
    if (known) return known.pending;
    if (!connection.open) return;
    const membership: Membership = { pending: undefined };
    this.byPath.get(connection.path)?.join(connection, group, membership);
    membership.pending = this.hear(connection, group, membership);
    return membership.pending;
  }

  /** Final when it returns: what was written before is handed to the socket, and nothing follows. */
  leave(connection: LocalConnection, group: string): void {
    if (!connection.memberships.has(group)) return;
    this.byPath.get(connection.path)?.leave(connection, group);
    this.interest.release(this.groupChannel(connection, group));
    connection.sink.flush();
  }

  close(): void {
    this.interest.close();
  }

  private async hear(connection: LocalConnection, group: string, membership: Membership): Promise<void> {
    try {
      await this.interest.acquire(this.groupChannel(connection, group));
    } catch (cause) {
      // Left and joined again meanwhile: that membership is another one's to undo.
      if (connection.memberships.get(group) === membership) this.leave(connection, group);
      throw new NotJoinedError(group, cause instanceof Error ? cause : new Error(String(cause)));
    } finally {
      membership.pending = undefined;
    }
  }

  private groupChannel({ path }: LocalConnection, name: string): string {
    return this.channels.target(path, { kind: 'group', name });
  }

  private userChannel({ path, userId = '' }: LocalConnection): string {
    return this.channels.target(path, { kind: 'user', name: userId });
  }
}
