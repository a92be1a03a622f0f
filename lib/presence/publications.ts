import { crc32 } from 'node:zlib';
import type { Bus } from '../bus/bus.js';
import { type Cancel } from '../bus/clock.js';
import type { ChannelNames } from '../protocol/channel-names.js';
import { ALL } from '../protocol/target.js';
import { shortConnectionId } from '../protocol/connection-id.js';
import type { MemberRow } from '../protocol/member-records.js';
import {
  decodeTopic,
  encodeDiff,
  encodeDigest,
  encodeRowsPart,
  type PresenceDiff,
  type PresenceTopic,
  type RowGoneCause,
} from '../protocol/presence-records.js';
import { QueryKind } from '../protocol/query-record.js';
import type { PresenceData } from '../routing/presence-data.js';
import type { Queries } from '../routing/queries.js';
import type { Roster } from '../routing/roster.js';
import { type Item, WatchedGroup } from './watched-group.js';

/** How long servers publish the changes of a group after they last heard that somebody watches it, in milliseconds. */
export const LEASE_MS = 10_000;
/** How often the digest is published, and the presence data of members is compared with what was published. */
const DIGEST_MS = 1000;
/** The size of a digest: 0.6 KB. More groups take turns. */
const DIGEST_GROUPS = 64;
/** Rows in a change or in a part of an answer, so that neither blocks the event loop of its receiver. */
const ROWS_PER_RECORD = 500;

/** The occupied groups of this server: see occupancy.ts. */
export interface OccupiedGroups {
  /** The names of a path's occupied groups. */
  of(path: string): readonly string[];
  /** What other servers must know of an occupied group, as JSON text. */
  dataOf(path: string, group: string): string;
  /** Another server watches the occupied groups of the path. */
  watchedBy(path: string, server: string): void;
}

/** Publishes the members of this server's watched groups: rows on request, then each change. Unwatched groups cost nothing. */
export class Publications {
  private readonly groups = new Map<string, WatchedGroup>();
  /** Versions rise over all groups, so a group that is watched again has a version that nobody knows. */
  private version = 0;
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
    private readonly occupied: OccupiedGroups,
    queries: Queries,
  ) {
    queries.on(QueryKind.Rows, (body, origin) => this.answer(decodeTopic(body), origin));
    this.cancel = bus.clock.every(DIGEST_MS, () => this.tick());
  }

  /** Somebody on another server watches the group. */
  lease(topic: PresenceTopic): void {
    const known = this.groups.get(this.keyOf(topic));
    const group = known ?? this.open(topic);
    group.leasedUntil = this.bus.clock.now() + LEASE_MS;
    // Watchers do not know this version, so they ask for the rows.
    if (!known) this.publish(group, { from: group.version, version: group.version, rows: [], gone: [] });
  }

  /** Calls the listener with every change of this server's rows until `unfollow`. Returns the rows of now, in parts. */
  follow(topic: PresenceTopic, listener: (diff: PresenceDiff) => void): Iterable<readonly MemberRow[]> {
    const group = this.groups.get(this.keyOf(topic)) ?? this.open(topic);
    this.flush(group);
    group.followers.add(listener);
    return this.rowParts(group, this.itemsOf(topic));
  }

  unfollow(topic: PresenceTopic, listener: (diff: PresenceDiff) => void): void {
    this.groups.get(this.keyOf(topic))?.followers.delete(listener);
  }

  changed(topic: PresenceTopic, item: Item): void {
    this.watched(topic)?.changed(item);
  }

  gone(topic: PresenceTopic, item: Item, cause: RowGoneCause): void {
    this.watched(topic)?.gone(item, cause);
  }

  channelOf({ path, group }: PresenceTopic): string {
    return group === '' ? this.channels.servers : this.channels.target(path, { kind: 'group', name: group });
  }

  /** Identifies a topic. */
  keyOf({ path, group }: PresenceTopic): string {
    return this.channels.target(path, group === '' ? ALL : { kind: 'group', name: group });
  }

  close(): void {
    this.cancel();
    this.groups.clear();
  }

  private watched(topic: PresenceTopic): WatchedGroup | undefined {
    return this.groups.size === 0 ? undefined : this.groups.get(this.keyOf(topic));
  }

  private open(topic: PresenceTopic): WatchedGroup {
    const key = this.keyOf(topic);
    const flush = (): void => this.flush(group);
    const group = new WatchedGroup(topic, key, this.channelOf(topic), ++this.version, flush);
    this.groups.set(key, group);
    return group;
  }

  private answer(topic: PresenceTopic, origin: string): Iterable<Buffer> {
    if (topic.group === '') this.occupied.watchedBy(topic.path, origin);
    const group = this.groups.get(this.keyOf(topic)) ?? this.open(topic);
    group.leasedUntil = this.bus.clock.now() + LEASE_MS;
    this.flush(group);
    const { version } = group;
    return mapParts(this.rowParts(group, this.itemsOf(topic)), (rows) => encodeRowsPart({ version, rows }));
  }

  /** At least one part, which may be empty. */
  private *rowParts(group: WatchedGroup, items: readonly Item[]): Generator<readonly MemberRow[]> {
    for (let start = 0; start === 0 || start < items.length; start += ROWS_PER_RECORD)
      yield items.slice(start, start + ROWS_PER_RECORD).map((item) => this.rowOf(group, item, 'answered'));
  }

  private itemsOf({ path, group }: PresenceTopic): readonly Item[] {
    if (group === '') return this.occupied.of(path);
    return [...(this.roster.members(path)?.of({ kind: 'group', name: group }) ?? [])];
  }

  private rowOf(group: WatchedGroup, item: Item, sent: 'sent' | 'answered'): MemberRow {
    if (typeof item === 'string')
      return { id: item, userId: item, data: this.occupied.dataOf(group.topic.path, item) };
    const data = this.data.of(item);
    // While an answer is encoded, over several turns, a connection may leave.
    if (this.hasData && item.memberships.has(group.topic.group)) group[sent](item, data);
    return { id: suffixOf(item), userId: item.userId ?? '', data };
  }

  /** Publishes the changes of the group since the last call. */
  private flush(group: WatchedGroup): void {
    const { changed, gone } = group.take();
    const removed = [...gone].map(([item, cause]) => ({ id: suffixOf(item), cause }));
    for (let start = 0; start < Math.max(changed.length, removed.length); start += ROWS_PER_RECORD) {
      const end = start + ROWS_PER_RECORD;
      const rows = changed.slice(start, end).map((item) => this.rowOf(group, item, 'sent'));
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
    for (const [key, { leasedUntil, followers }] of this.groups)
      if (leasedUntil <= now && followers.size === 0) this.groups.delete(key);
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
    const entries = turn.map(({ key, version }) => ({ topic: crc32(key), version }));
    this.bus.publish([this.channels.servers], encodeDigest(entries)).catch(() => undefined);
  }

  /** Publishes the rows of members whose presence data has changed. */
  private async compareData(group: WatchedGroup): Promise<void> {
    const items = this.itemsOf(group.topic);
    for (let start = 0; start < items.length; start += ROWS_PER_RECORD) {
      for (const item of items.slice(start, start + ROWS_PER_RECORD))
        if (typeof item !== 'string') group.compare(item, this.data.of(item));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

function suffixOf(item: Item): string {
  return typeof item === 'string' ? item : shortConnectionId(item.id);
}

function* mapParts<T, R>(parts: Iterable<T>, map: (part: T) => R): Generator<R> {
  for (const part of parts) yield map(part);
}
