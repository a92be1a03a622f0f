import { Subject, type Observable } from 'rxjs';
import type { Bus } from '../bus/bus.js';
import { BackplaneError } from '../bus/bus.errors.js';
import { PublishRefusedError } from '../bus/transport.js';
import { type ChannelNames, checkName } from '../protocol/channel-names.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import { serverOf } from '../protocol/connection-id.js';
import { MessageFrames } from '../protocol/message-frames.js';
import { decodeMessage, encodeMessage } from '../protocol/message-record.js';
import { RecordKind } from '../protocol/record-kind.js';
import { ALL, type Address } from '../protocol/target.js';
import { ChannelInterest } from './channel-interest.js';
import { deliver } from './deliver.js';
import { Delivery } from './delivery.js';
import type { LocalConnection, Membership } from './local-connection.js';
import { PathMembers } from './path-members.js';
import {
  MAX_MESSAGE_BYTES,
  MessageTooLargeError,
  NotJoinedError,
  NotPublishedError,
  PublishOutcomeUnknownError,
} from './routing.errors.js';

export interface EmitOptions {
  /** This server's own connections only. */
  readonly local: boolean;
  /** May be dropped for a client that reads too slowly. */
  readonly volatile: boolean;
}

/** Knows who is where, and takes messages to this server's connections and to the other servers. */
export class Router {
  private readonly paths = new Map<string, PathMembers>();
  private readonly interest: ChannelInterest;
  private readonly errors = new Subject<BackplaneError>();

  readonly errors$: Observable<BackplaneError> = this.errors.asObservable();

  constructor(
    private readonly bus: Bus,
    private readonly channels: ChannelNames,
    /** The client protocols that connections of any server may use. */
    private readonly protocols: readonly ClientProtocol[],
  ) {
    this.interest = new ChannelInterest(bus);
  }

  /** A gateway serves this path: from now on its broadcasts are wanted. Idempotent. */
  open(path: string): PathMembers {
    const known = this.paths.get(path);
    if (known) return known;
    const members = new PathMembers();
    this.paths.set(path, members);
    // Wanted until the bus closes: where Redis is not there yet, the bus subscribes it before `ready`.
    this.interest.acquire(this.channels.target(path, ALL)).catch(() => undefined);
    return members;
  }

  get openPaths(): IterableIterator<string> {
    return this.paths.keys();
  }

  members(path: string): PathMembers | undefined {
    return this.paths.get(path);
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
    this.paths.get(connection.path)?.remove(connection);
  }

  /**
   * @throws InvalidNameError
   * @throws NotJoinedError (as a rejection)
   */
  join(connection: LocalConnection, group: string): Promise<void> {
    checkName("A group's name", group);
    const known = connection.memberships.get(group);
    if (known) return known.pending ?? Promise.resolve();
    if (!connection.open) return Promise.resolve();
    const membership: Membership = { pending: undefined };
    this.paths.get(connection.path)?.join(connection, group, membership);
    membership.pending = this.hear(connection, group, membership);
    return membership.pending;
  }

  /** Final when it returns: what was written before is handed to the socket, and nothing follows. */
  leave(connection: LocalConnection, group: string): void {
    if (!connection.memberships.has(group)) return;
    this.paths.get(connection.path)?.leave(connection, group);
    this.interest.release(this.groupChannel(connection, group));
    connection.sink.flush();
  }

  /**
   * Serves this server's connections at once, then the other servers through Redis.
   *
   * @throws MessageTooLargeError, NotPublishedError, PublishOutcomeUnknownError (as rejections)
   */
  async emit(address: Address, frames: MessageFrames, { local, volatile }: EmitOptions): Promise<Delivery> {
    const channels = local ? [] : this.channelsOf(address);
    const record =
      channels.length > 0
        ? encodeMessage({ address, volatile, payloads: frames.payloads(this.protocols) })
        : undefined;
    if (record && record.length > MAX_MESSAGE_BYTES) throw new MessageTooLargeError(record.length);
    const members = this.paths.get(address.path);
    const count = members ? deliver(members, address, frames, volatile) : 0;
    if (!record) return new Delivery(count, 'notNeeded');
    try {
      await this.bus.publish(channels, record);
      return new Delivery(count, 'accepted');
    } catch (cause) {
      const error = publishError(count, cause);
      this.errors.next(new BackplaneError('publish', error.message, { cause: error }));
      throw error;
    }
  }

  /** What other servers publish. Never throws. */
  receive(kind: number, body: Buffer): void {
    try {
      if (kind === RecordKind.Message) this.receiveMessage(body);
    } catch (cause) {
      this.errors.next(
        new BackplaneError('deliver', 'A message from another server could not be delivered.', { cause }),
      );
    }
  }

  close(): void {
    this.interest.close();
    this.errors.complete();
  }

  private receiveMessage(body: Buffer): void {
    const { address, volatile, payloads } = decodeMessage(body);
    const members = this.paths.get(address.path);
    if (members) deliver(members, address, MessageFrames.received(payloads), volatile);
  }

  private async hear(connection: LocalConnection, group: string, membership: Membership): Promise<void> {
    try {
      await this.interest.acquire(this.groupChannel(connection, group));
    } catch (cause) {
      // Left and joined again meanwhile: that membership is another one's to undo.
      if (connection.memberships.get(group) === membership) this.leave(connection, group);
      throw new NotJoinedError(group, cause as Error);
    } finally {
      membership.pending = undefined;
    }
  }

  /** Where the other servers that may hold addressed connections listen. */
  private channelsOf({ path, targets }: Address): string[] {
    if (targets.some(({ kind }) => kind === 'all')) return [this.channels.target(path, ALL)];
    const channels = new Set<string>();
    for (const target of targets) {
      if (target.kind !== 'connection') {
        channels.add(this.channels.target(path, target));
        continue;
      }
      const server = serverOf(target.name);
      if (server !== undefined && server !== this.bus.serverId) channels.add(this.channels.server(server));
    }
    return [...channels];
  }

  private groupChannel({ path }: LocalConnection, name: string): string {
    return this.channels.target(path, { kind: 'group', name });
  }

  private userChannel({ path, userId = '' }: LocalConnection): string {
    return this.channels.target(path, { kind: 'user', name: userId });
  }
}

function publishError(local: number, cause: unknown): NotPublishedError | PublishOutcomeUnknownError {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  return error instanceof PublishRefusedError
    ? new NotPublishedError(local, error)
    : new PublishOutcomeUnknownError(local, error);
}
