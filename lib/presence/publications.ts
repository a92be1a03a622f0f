import { crc32 } from 'node:zlib';
import type { Bus } from '../bus/bus.js';
import { type Cancel } from '../bus/clock.js';
import type { ChannelNames } from '../protocol/channel-names.js';
import { SERVER_ID_LENGTH } from '../protocol/envelope.js';
import type { MemberRow } from '../protocol/member-records.js';
import {
  decodeTopic,
  encodeDiff,
  encodeDigest,
  encodeRowsPart,
  type PresenceDiff,
  type PresenceTopic,
} from '../protocol/presence-records.js';
import { QueryKind } from '../protocol/query-record.js';
import type { LocalConnection } from '../routing/local-connection.js';
import type { PresenceData } from '../routing/presence-data.js';
import type { Queries } from '../routing/queries.js';
import type { MembershipListener, Roster } from '../routing/roster.js';
import { WatchedGroup } from './watched-group.js';

/** How long servers publish the changes of a group after they last heard that somebody watches it, in milliseconds. */
export const LEASE_MS = 10_000;
/** How often the digest is published, and the presence data of members is compared with what was published. */
const DIGEST_MS = 1000;
/** The size of a digest: 0.6 KB. More groups take turns. */
const DIGEST_GROUPS = 64;
/** Rows in a change or in a part of an answer, so that neither blocks the event loop of its receiver. */
const ROWS_PER_RECORD = 500;

/** Publishes the members of this server's watched groups: rows on request, then each change. Unwatched groups cost nothing. */
export class Publications implements MembershipListener {
  private readonly groups = new Map<string, WatchedGroup>();
  /** Versions rise over all groups, so a group that is watched again has a version that nobody knows. */
  private version = 0;
  private isShuttingDown = false;
  private isComparing = false;
  private digested = 0;
  private readonly cancel: Cancel;

  constructor(
    private readonly bus: Bus,
    private readonly channels: ChannelNames,
    private readonly roster: Roster,
    private readonly data: PresenceData,
    /** Whether connections have presence data, which may change at any time. */
    private readonly hasData: boolean,
    queries: Queries,
  ) {
    queries.on(QueryKind.Rows, (body) => this.answer(decodeTopic(body)));
    roster.observe(this);
    this.cancel = bus.clock.every(DIGEST_MS, () => this.tick());
  }

  /** Somebody on another server watches the group. */
  lease(topic: PresenceTopic): void {
    const known = this.groups.get(this.channelOf(topic));
    const group = known ?? this.open(topic);
    group.leasedUntil = this.bus.clock.now() + LEASE_MS;
    // Watchers do not know this version, so they ask for the rows.
    if (!known) this.publish(group, { from: group.version, version: group.version, rows: [], gone: [] });
  }

  /** Calls the listener with every change of this server's rows until `unfollow`. Returns the rows of now. */
  follow(topic: PresenceTopic, listener: (diff: PresenceDiff) => void): readonly MemberRow[] {
    const group = this.groups.get(this.channelOf(topic)) ?? this.open(topic);
    this.flush(group);
    group.followers.add(listener);
    return this.members(topic).map((connection) => this.rowOf(group, connection, 'answered'));
  }

  unfollow(topic: PresenceTopic, listener: (diff: PresenceDiff) => void): void {
    this.groups.get(this.channelOf(topic))?.followers.delete(listener);
  }

  joined(connection: LocalConnection, group: string): void {
    this.watched(connection, group)?.changed(connection);
  }

  left(connection: LocalConnection, group: string, isExplicit: boolean): void {
    const cause = isExplicit ? 'left' : this.isShuttingDown ? 'serverLeft' : 'disconnected';
    this.watched(connection, group)?.gone(connection, cause);
  }

  /** From now on, connections close because this server shuts down. */
  drain(): void {
    this.isShuttingDown = true;
  }

  close(): void {
    this.cancel();
    this.groups.clear();
  }

  private watched({ path }: LocalConnection, group: string): WatchedGroup | undefined {
    if (this.groups.size === 0) return undefined;
    return this.groups.get(this.channelOf({ path, group }));
  }

  private open(topic: PresenceTopic): WatchedGroup {
    const channel = this.channelOf(topic);
    const group = new WatchedGroup(topic, channel, ++this.version, () => this.flush(group));
    this.groups.set(channel, group);
    return group;
  }

  private answer(topic: PresenceTopic): Iterable<Buffer> {
    const group = this.groups.get(this.channelOf(topic)) ?? this.open(topic);
    group.leasedUntil = this.bus.clock.now() + LEASE_MS;
    this.flush(group);
    return this.rowParts(group, group.version, this.members(topic));
  }

  private *rowParts(
    group: WatchedGroup,
    version: number,
    connections: readonly LocalConnection[],
  ): Generator<Buffer> {
    for (let start = 0; start === 0 || start < connections.length; start += ROWS_PER_RECORD) {
      const slice = connections.slice(start, start + ROWS_PER_RECORD);
      yield encodeRowsPart({
        version,
        rows: slice.map((connection) => this.rowOf(group, connection, 'answered')),
      });
    }
  }

  private members({ path, group }: PresenceTopic): LocalConnection[] {
    return [...(this.roster.members(path)?.of({ kind: 'group', name: group }) ?? [])];
  }

  private rowOf(group: WatchedGroup, connection: LocalConnection, sent: 'sent' | 'answered'): MemberRow {
    const data = this.data.of(connection);
    // While an answer is encoded, over several turns, a connection may leave.
    if (this.hasData && connection.memberships.has(group.topic.group)) group[sent](connection, data);
    return { id: suffixOf(connection), userId: connection.userId ?? '', data };
  }

  /** Publishes the changes of the group since the last call. */
  private flush(group: WatchedGroup): void {
    const { changed, gone } = group.take();
    const removed = [...gone].map(([connection, cause]) => ({ id: suffixOf(connection), cause }));
    for (let start = 0; start < Math.max(changed.length, removed.length); start += ROWS_PER_RECORD) {
      const end = start + ROWS_PER_RECORD;
      const rows = changed.slice(start, end).map((connection) => this.rowOf(group, connection, 'sent'));
      const from = group.version;
      group.version = ++this.version;
      this.publish(group, { from, version: group.version, rows, gone: removed.slice(start, end) });
    }
  }

  private publish(group: WatchedGroup, diff: PresenceDiff): void {
    for (const listener of group.followers) listener(diff);
    if (group.leasedUntil <= this.bus.clock.now()) return;
    // Watchers that miss it see from the next digest that their version is old.
    this.bus.publish([group.channel], encodeDiff(group.topic, diff)).catch(() => undefined);
  }

  private tick(): void {
    const now = this.bus.clock.now();
    for (const [channel, { leasedUntil, followers }] of this.groups)
      if (leasedUntil <= now && followers.size === 0) this.groups.delete(channel);
    const leased = [...this.groups.values()].filter(({ leasedUntil }) => leasedUntil > now);
    if (leased.length > 0) this.publishDigest(leased);
    if (this.hasData && !this.isComparing) void this.compareAll();
  }

  private async compareAll(): Promise<void> {
    this.isComparing = true;
    for (const group of [...this.groups.values()]) await this.compareData(group);
    this.isComparing = false;
  }

  private publishDigest(groups: readonly WatchedGroup[]): void {
    const start = groups.length > DIGEST_GROUPS ? this.digested % groups.length : 0;
    const turn = [...groups.slice(start), ...groups.slice(0, start)].slice(0, DIGEST_GROUPS);
    this.digested += DIGEST_GROUPS;
    const entries = turn.map(({ channel, version }) => ({ channel: crc32(channel), version }));
    this.bus.publish([this.channels.servers], encodeDigest(entries)).catch(() => undefined);
  }

  /** Publishes the rows of members whose presence data has changed. */
  private async compareData(group: WatchedGroup): Promise<void> {
    const members = this.members(group.topic);
    for (let start = 0; start < members.length; start += ROWS_PER_RECORD) {
      for (const connection of members.slice(start, start + ROWS_PER_RECORD))
        group.compare(connection, this.data.of(connection));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  channelOf({ path, group }: PresenceTopic): string {
    return this.channels.target(path, { kind: 'group', name: group });
  }
}

function suffixOf({ id }: LocalConnection): string {
  return id.slice(SERVER_ID_LENGTH + 1);
}
