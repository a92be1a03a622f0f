import { concat, defer, from, type Observable, Subject } from 'rxjs';
import type { PeerView } from '../bus/bus.js';
import { newServerId } from '../protocol/connection-id.js';
import type { PresenceTopic } from '../protocol/presence-records.js';
import type { PresenceChange } from './presence-change.js';
import type { OccupiedGroups } from './publications.js';
import { rendezvous } from './rendezvous.js';

/** A group got its first member, or lost its last one, on any server. */
export interface OccupancyEvent {
  /**
   * Identifies the time from the first member to the last one, to recognize an event that two servers got with `mine`. The
   * same on all servers, unless the first members joined on two servers at the same moment or on both sides of a partition.
   */
  readonly id: string;
  readonly path: string;
  readonly group: string;
  /** True on one live server of the farm, so that something can be started and stopped once for the whole farm. */
  readonly mine: boolean;
}

/** Which server acts for an occupied group. */
interface Claim {
  readonly id: string;
  readonly holder: string;
}

export interface OccupancyContext {
  readonly serverId: string;
  readonly peers: Pick<PeerView, 'alive'>;
  /** Whether the app wants to know when this group is occupied. */
  selects(group: string, path: string): boolean;
  /** The claim for a group that is occupied already, as JSON text. */
  known(path: string, group: string): string | undefined;
  /** This server's row of an occupied group has changed. */
  changed(topic: PresenceTopic, group: string): void;
}

/**
 * The occupied groups of this server and of the farm. The server whose connection is the first of a group picks the server
 * that acts for it, and tells all others; so they need not agree on which servers are alive. If that one dies, those with
 * members pick the next.
 */
export class Occupancy implements OccupiedGroups {
  /** The other servers that serve a path and want to know its occupied groups, so that they can act for one. */
  private readonly watchers = new Map<string, Set<string>>();
  /** This server's occupied groups, by path. */
  private readonly own = new Map<string, Map<string, Claim>>();
  /** The occupied groups of the farm, by path and group. */
  private readonly farm = new Map<string, OccupancyEvent & Claim>();
  private readonly occupied = new Subject<OccupancyEvent>();
  private readonly vacated = new Subject<OccupancyEvent>();

  /** Emits the groups that are occupied when subscribed. Emits a group again when `mine` changes. */
  readonly occupied$: Observable<OccupancyEvent> = concat(
    defer(() => from([...this.farm.values()].map(eventOf))),
    this.occupied,
  );
  readonly vacated$: Observable<OccupancyEvent> = this.vacated.asObservable();

  constructor(private readonly context: OccupancyContext) {}

  of(path: string): readonly string[] {
    return [...(this.own.get(path)?.keys() ?? [])];
  }

  dataOf(path: string, group: string): string {
    const claim = this.own.get(path)?.get(group);
    return claim ? JSON.stringify([claim.id, claim.holder]) : '';
  }

  watchedBy(path: string, server: string): void {
    const known = this.watchers.get(path) ?? new Set();
    this.watchers.set(path, known.add(server));
  }

  /** The group has got its first member on this server. */
  arrived(path: string, group: string): void {
    if (!this.context.selects(group, path)) return;
    const known = parseClaim(this.context.known(path, group));
    const holder = known && this.isLive(known.holder) ? known.holder : this.pick(path, group);
    const groups = this.own.get(path) ?? new Map<string, Claim>();
    this.own.set(path, groups.set(group, { id: known?.id ?? newServerId(), holder }));
    this.context.changed({ path, group: '' }, group);
  }

  /** @returns whether the group was occupied */
  emptied(path: string, group: string): boolean {
    const groups = this.own.get(path);
    if (!groups?.delete(group)) return false;
    if (groups.size === 0) this.own.delete(path);
    return true;
  }

  /** Other servers act for the groups of this one. */
  lost(server: string): void {
    for (const servers of this.watchers.values()) servers.delete(server);
    for (const [path, groups] of this.own) {
      for (const [group, { id, holder }] of groups) {
        if (holder !== server) continue;
        groups.set(group, { id, holder: this.pick(path, group) });
        this.context.changed({ path, group: '' }, group);
      }
    }
  }

  /** The occupied groups of a path have changed, on any server. */
  read(path: string, { joined, updated, left }: PresenceChange): void {
    for (const { key: group, data } of [...joined, ...updated]) this.hold(path, group, data);
    for (const { key: group } of left) this.vacate(path, group);
  }

  close(): void {
    this.occupied.complete();
    this.vacated.complete();
  }

  private hold(path: string, group: string, data: unknown): void {
    const claim = asClaim(data);
    if (!claim) return;
    const key = keyOf(path, group);
    const before = this.farm.get(key);
    const mine = claim.holder === this.context.serverId;
    const event = { ...claim, path, group, mine };
    this.farm.set(key, event);
    if (before?.mine !== mine) this.occupied.next(eventOf(event));
  }

  private vacate(path: string, group: string): void {
    const key = keyOf(path, group);
    const known = this.farm.get(key);
    if (!known) return;
    this.farm.delete(key);
    const actor = this.isLive(known.holder) ? known.holder : this.pick(path, group);
    this.vacated.next({ ...eventOf(known), mine: actor === this.context.serverId });
  }

  private pick(path: string, group: string): string {
    const { serverId } = this.context;
    const others = this.watchers.get(path) ?? [];
    return rendezvous([serverId, ...others], keyOf(path, group)) ?? serverId;
  }

  private isLive(server: string): boolean {
    return server === this.context.serverId || this.context.peers.alive.has(server);
  }
}

function keyOf(path: string, group: string): string {
  return `${path}\n${group}`;
}

function eventOf({ id, path, group, mine }: OccupancyEvent): OccupancyEvent {
  return { id, path, group, mine };
}

function parseClaim(json: string | undefined): Claim | undefined {
  try {
    return json === undefined ? undefined : asClaim(JSON.parse(json));
  } catch {
    return undefined;
  }
}

function asClaim(data: unknown): Claim | undefined {
  const [id, holder]: readonly unknown[] = Array.isArray(data) ? (data as readonly unknown[]) : [];
  return typeof id === 'string' && typeof holder === 'string' ? { id, holder } : undefined;
}
