import type { Observable, Subscription } from 'rxjs';
import type { Bus } from '../bus/bus.js';
import { ReportedError } from '../bus/bus.errors.js';
import type { ChannelNames } from '../protocol/channel-names.js';
import { decodeDiff, decodeDigest, decodeTopic, type PresenceTopic } from '../protocol/presence-records.js';
import { messageOf } from '../protocol/thrown.js';
import { RecordKind } from '../protocol/record-kind.js';
import type { LocalConnection } from '../routing/local-connection.js';
import type { MembershipListener, Roster } from '../routing/roster.js';
import type { Router } from '../routing/router.js';
import { GroupWatch } from './group-watch.js';
import { LocalWatch } from './local-watch.js';
import { Occupancy, type OccupancyContext } from './occupancy.js';
import type { PresenceChange, PresenceJoin } from './presence-change.js';
import type { PresenceViewOptions } from './presence-view.js';
import { Publications } from './publications.js';
import { SharedWatches } from './shared-watches.js';

export interface PresenceSettings extends PresenceViewOptions {
  /** Whether connections have presence data. */
  readonly hasData: boolean;
  /** Selects the groups whose occupancy is reported; `undefined` for none. */
  readonly occupancy: ((group: string, path: string) => boolean) | undefined;
}

/** Who is in groups, on all servers. Publishes this server's members of watched groups, and watches groups. */
export class Presence implements MembershipListener {
  /** Which groups have members on any server. */
  readonly occupancy: Occupancy;
  private readonly roster: Roster;
  private readonly publications: Publications;
  private readonly watches: SharedWatches<GroupWatch>;
  private readonly occupiedWatches: SharedWatches<GroupWatch>;
  private readonly localWatches: SharedWatches<LocalWatch>;
  private readonly subscriptions: Subscription[];
  private readonly report: (error: ReportedError) => void;
  private isShuttingDown = false;

  constructor(
    private readonly bus: Bus,
    channels: ChannelNames,
    router: Router,
    private readonly settings: PresenceSettings,
  ) {
    const { roster, queries, presenceData } = router;
    const { hasData, ...view } = settings;
    this.roster = roster;
    this.report = (error) => router.report(error);
    this.occupancy = new Occupancy(this.occupancyContext);
    const publications = new Publications(
      bus,
      channels,
      roster,
      presenceData,
      hasData,
      this.occupancy,
      queries,
    );
    this.publications = publications;
    const context = { bus, queries, roster, publications, view };
    const unlimited = { ...context, view: { ...view, limit: Infinity } };
    this.watches = new SharedWatches((topic) => new GroupWatch(context, topic));
    this.occupiedWatches = new SharedWatches((topic) => new GroupWatch(unlimited, topic));
    this.localWatches = new SharedWatches((topic) => new LocalWatch(context, topic));
    roster.observe(this);
    router.on(RecordKind.PresenceLease, (body, origin) => {
      const topic = decodeTopic(body);
      publications.lease(topic);
      this.watchOf(topic)?.leased(origin);
    });
    router.on(RecordKind.PresenceDiff, (body, origin) => {
      const { topic, diff } = decodeDiff(body);
      this.watchOf(topic)?.receive(origin, diff);
    });
    router.on(RecordKind.PresenceDigest, (body, origin) => {
      const versions = new Map(decodeDigest(body).map(({ topic, version }) => [topic, version]));
      for (const watch of this.farmWatches()) watch.compare(origin, versions.get(watch.digestKey));
    });
    this.subscriptions = [
      bus.loss$.subscribe(({ channels: missed, origin }) => {
        for (const watch of this.farmWatches())
          if (missed === 'all' || missed.includes(watch.channel)) watch.missed(origin);
      }),
      bus.peers.changes$.subscribe(({ serverId, change }) => {
        if (change === 'goodbye') this.lost(serverId, 'serverLeft');
        else if (change === 'silent') this.lost(serverId, 'serverLost');
        // Its heartbeat, which says whether it knows queries, is read after this.
        else queueMicrotask(() => this.heard(serverId, change));
      }),
    ];
  }

  /** Begins to report the occupied groups of all paths. */
  start(): void {
    if (!this.settings.occupancy) return;
    for (const path of this.roster.paths) {
      const topic = { path, group: '' };
      const changes$ = this.occupiedWatches.watch(this.publications.keyOf(topic), topic);
      this.subscriptions.push(changes$.subscribe((change) => this.occupancy.read(path, change)));
    }
  }

  /**
   * Emits a snapshot of a group's members when subscribed, and then every change. Completes when the app shuts down.
   *
   * @param isLocal whether to watch only the members on this server
   */
  watch(topic: PresenceTopic, isLocal: boolean): Observable<PresenceChange> {
    const watches = isLocal ? this.localWatches : this.watches;
    return watches.watch(this.publications.keyOf(topic), topic);
  }

  joined(connection: LocalConnection, group: string): void {
    const { path } = connection;
    this.publications.changed({ path, group }, connection);
    if (this.settings.occupancy && this.roster.members(path)?.groupSize(group) === 1)
      this.occupancy.arrived(path, group);
  }

  left(connection: LocalConnection, group: string, isExplicit: boolean): void {
    const { path } = connection;
    const cause = isExplicit ? 'left' : this.isShuttingDown ? 'serverLeft' : 'disconnected';
    this.publications.gone({ path, group }, connection, cause);
    if (!this.settings.occupancy || this.roster.members(path)?.groupSize(group) !== 0) return;
    if (this.occupancy.emptied(path, group)) this.publications.gone({ path, group: '' }, group, cause);
  }

  /** From now on, connections close because this server shuts down. */
  drain(): void {
    this.isShuttingDown = true;
  }

  close(): void {
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    this.watches.close();
    this.occupiedWatches.close();
    this.localWatches.close();
    this.occupancy.close();
    this.publications.close();
  }

  private get occupancyContext(): OccupancyContext {
    return {
      serverId: this.bus.serverId,
      peers: this.bus.peers,
      selects: (group, path) => this.selects(group, path),
      known: (path, group) => this.watchOf({ path, group: '' })?.view.dataOf(group),
      changed: (topic, group) => this.publications.changed(topic, group),
    };
  }

  /** A predicate of the app that throws must not make a join fail. */
  private selects(group: string, path: string): boolean {
    try {
      return this.settings.occupancy?.(group, path) ?? false;
    } catch (cause) {
      const message = `presence.occupancy failed for the group '${group}': ${messageOf(cause)}`;
      this.report(new ReportedError('presence', message, { cause }));
      return false;
    }
  }

  private heard(serverId: string, cause: PresenceJoin['cause']): void {
    for (const watch of this.farmWatches()) watch.joined(serverId, cause);
  }

  private lost(serverId: string, cause: 'serverLeft' | 'serverLost'): void {
    for (const watch of this.farmWatches()) watch.lost(serverId, cause);
    this.occupancy.lost(serverId);
  }

  private watchOf(topic: PresenceTopic): GroupWatch | undefined {
    return (topic.group === '' ? this.occupiedWatches : this.watches).get(this.publications.keyOf(topic));
  }

  private *farmWatches(): Generator<GroupWatch> {
    yield* this.watches.all();
    yield* this.occupiedWatches.all();
  }
}
