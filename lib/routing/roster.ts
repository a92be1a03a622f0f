import type { Bus } from '../bus/bus.js';
import { type ChannelNames, checkName } from '../protocol/channel-names.js';
import { ALL } from '../protocol/target.js';
import { toError } from '../protocol/thrown.js';
import { ChannelInterest, type PathTarget } from './channel-interest.js';
import type { LocalConnection, Membership } from './local-connection.js';
import { PathMembers } from './path-members.js';
import { ConnectionClosedError } from './request.errors.js';
import { NotJoinedError } from './routing.errors.js';

/** Learns who joins and leaves groups on this server, after it has happened. */
export interface MembershipListener {
  joined(connection: LocalConnection, group: string): void;
  /** @param isExplicit false if the connection has closed, or begun to close */
  left(connection: LocalConnection, group: string, isExplicit: boolean): void;
}

/** This server's connections with their groups and users. Keeps the channels that they need subscribed. */
export class Roster {
  private readonly byPath = new Map<string, PathMembers>();
  private readonly interest: ChannelInterest;
  private listener: MembershipListener | undefined;

  constructor(
    bus: Bus,
    channels: ChannelNames,
    private readonly keepsMemberships: boolean,
    unsubscribeDelayMs: number,
  ) {
    this.interest = new ChannelInterest(bus, channels, unsubscribeDelayMs);
  }

  /** Sets the one listener. */
  observe(listener: MembershipListener): void {
    this.listener = listener;
  }

  get paths(): string[] {
    return [...this.byPath.keys()];
  }

  /** Registers a gateway's path. Idempotent. */
  open(path: string): PathMembers {
    const known = this.byPath.get(path);
    if (known) return known;
    const members = new PathMembers();
    this.byPath.set(path, members);
    return members;
  }

  /** Whether the path has connections, so that its broadcast channel is wanted. */
  hears(path: string): boolean {
    return (this.byPath.get(path)?.size ?? 0) > 0;
  }

  /**
   * A client is about to connect. Holds the path's broadcast channel until `arrived`. Resolves when the channel is
   * subscribed, or cannot be because Redis is down.
   */
  expect(path: string): Promise<void> {
    return this.interest.acquire({ path, target: ALL }).catch(() => undefined);
  }

  /** Releases the hold that `expect` took. */
  arrived(path: string): void {
    this.interest.release({ path, target: ALL });
  }

  members(path: string): PathMembers | undefined {
    return this.byPath.get(path);
  }

  /**
   * Adds a connection. If it has a user, returns a promise that resolves when the user's channel is subscribed, or cannot
   * be because Redis is down.
   */
  add(connection: LocalConnection): Promise<void> | undefined {
    const { path, userId } = connection;
    const members = this.open(path);
    // Not awaited, because `expect` already waited for this channel before the client connected.
    if (members.size === 0) this.interest.acquire({ path, target: ALL }).catch(() => undefined);
    members.add(connection);
    if (userId === undefined) return undefined;
    return this.interest.acquire(userOf(connection)).catch(() => undefined);
  }

  remove(connection: LocalConnection): void {
    if (!connection.open) return;
    connection.open = false;
    const groups = [...connection.memberships.keys()];
    for (const group of groups) this.interest.release(groupOf(connection, group));
    if (connection.userId !== undefined) this.interest.release(userOf(connection));
    const members = this.byPath.get(connection.path);
    members?.remove(connection);
    for (const group of groups) this.listener?.left(connection, group, false);
    // A server without connections on a path does not subscribe its broadcasts.
    if (members?.size === 0) this.interest.release({ path: connection.path, target: ALL });
  }

  /**
   * Adds a connection to a group at once. Resolves when an emit from any server reaches it there.
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
    this.listener?.joined(connection, group);
    membership.pending = this.hear(connection, group, membership);
    return membership.pending;
  }

  /** Final when it returns: earlier messages have been written to the socket, and no later one follows. */
  leave(connection: LocalConnection, group: string): void {
    if (!connection.memberships.has(group)) return;
    this.byPath.get(connection.path)?.leave(connection, group);
    this.listener?.left(connection, group, true);
    this.interest.release(groupOf(connection, group));
    connection.sink.flush();
  }

  /**
   * Keeps a group's channel subscribed until `unwatch`, for somebody who wants to know its members.
   *
   * @throws NotSubscribedError (as a rejection)
   */
  watch(path: string, group: string): Promise<void> {
    return this.interest.acquire({ path, target: { kind: 'group', name: group } });
  }

  unwatch(path: string, group: string): void {
    this.interest.release({ path, target: { kind: 'group', name: group } });
  }

  /** The target of a channel; `undefined` for the channels for servers. */
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
    // If the connection left and joined again in the meantime, the newer join decides about its own membership.
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
