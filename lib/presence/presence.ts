import { crc32 } from 'node:zlib';
import { Observable, type Subscription } from 'rxjs';
import type { Bus, BusLoss } from '../bus/bus.js';
import type { ChannelNames } from '../protocol/channel-names.js';
import { decodeDiff, decodeDigest, decodeTopic, type PresenceTopic } from '../protocol/presence-records.js';
import { RecordKind } from '../protocol/record-kind.js';
import type { Router } from '../routing/router.js';
import { GroupWatch } from './group-watch.js';
import { LocalWatch } from './local-watch.js';
import type { PresenceChange, PresenceJoin } from './presence-change.js';
import type { PresenceViewOptions } from './presence-view.js';
import { Publications } from './publications.js';
import { SharedWatches } from './shared-watches.js';

export interface PresenceSettings extends PresenceViewOptions {
  /** Whether connections have presence data. */
  readonly hasData: boolean;
}

/** Who is in groups, on all servers. Publishes this server's members of watched groups, and watches groups. */
export class Presence {
  private readonly publications: Publications;
  private readonly watches: SharedWatches<GroupWatch>;
  private readonly localWatches: SharedWatches<LocalWatch>;
  private readonly subscriptions: Subscription[];

  constructor(
    bus: Bus,
    private readonly channels: ChannelNames,
    router: Router,
    { hasData, graceMs, shutdownGraceMs, limit }: PresenceSettings,
  ) {
    const { roster, queries, presenceData } = router;
    const publications = new Publications(bus, channels, roster, presenceData, hasData, queries);
    this.publications = publications;
    const view = { graceMs, shutdownGraceMs, limit };
    const context = { bus, queries, roster, publications, view };
    this.watches = new SharedWatches((topic) => new GroupWatch(context, topic));
    this.localWatches = new SharedWatches((topic) => new LocalWatch(context, topic));
    router.on(RecordKind.PresenceLease, (body, origin) => this.lease(decodeTopic(body), origin));
    router.on(RecordKind.PresenceDiff, (body, origin) => {
      const { topic, diff } = decodeDiff(body);
      this.watches.get(this.channelOf(topic))?.receive(origin, diff);
    });
    router.on(RecordKind.PresenceDigest, (body, origin) => {
      const versions = new Map(decodeDigest(body).map(({ channel, version }) => [channel, version]));
      for (const [channel, watch] of this.watches) watch.compare(origin, versions.get(crc32(channel)));
    });
    this.subscriptions = [
      bus.loss$.subscribe((loss) => this.missed(loss)),
      bus.peers.changes$.subscribe(({ serverId, change }) => {
        if (change === 'goodbye') this.lost(serverId, 'serverLeft');
        else if (change === 'silent') this.lost(serverId, 'serverLost');
        // Its heartbeat, which says whether it knows queries, is read after this.
        else queueMicrotask(() => this.heard(serverId, change));
      }),
    ];
  }

  /**
   * Emits a snapshot of a group's members when subscribed, and then every change. Completes when the app shuts down.
   *
   * @param isLocal whether to watch only the members on this server
   */
  watch(topic: PresenceTopic, isLocal: boolean): Observable<PresenceChange> {
    const watches = isLocal ? this.localWatches : this.watches;
    return watches.watch(this.channelOf(topic), topic);
  }

  /** From now on, connections close because this server shuts down. */
  drain(): void {
    this.publications.drain();
  }

  close(): void {
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    this.watches.close();
    this.localWatches.close();
    this.publications.close();
  }

  private lease(topic: PresenceTopic, origin: string): void {
    this.publications.lease(topic);
    this.watches.get(this.channelOf(topic))?.leased(origin);
  }

  private heard(serverId: string, cause: PresenceJoin['cause']): void {
    for (const [, watch] of this.watches) watch.joined(serverId, cause);
  }

  private lost(serverId: string, cause: 'serverLeft' | 'serverLost'): void {
    for (const [, watch] of this.watches) watch.lost(serverId, cause);
  }

  private missed({ channels, origin }: BusLoss): void {
    for (const [channel, watch] of this.watches)
      if (channels === 'all' || channels.includes(channel)) watch.missed(origin);
  }

  private channelOf({ path, group }: PresenceTopic): string {
    return this.channels.target(path, { kind: 'group', name: group });
  }
}
