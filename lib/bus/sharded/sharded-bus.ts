import { BehaviorSubject, type Observable, Subject, merge } from 'rxjs';
import type { ChannelNames } from '../../protocol/channel-names.js';
import { RecordKind } from '../../protocol/record-kind.js';
import type {
  Accepted,
  Bus,
  BusCounters,
  BusLoss,
  Pipe,
  RecordReceiver,
  Subscribed,
  TimeOfDay,
} from '../bus.js';
import { type ReportedError, NotSubscribedError } from '../bus.errors.js';
import type { Clock } from '../clock.js';
import { type BackplaneStatus, sameStatus, whenSettled, worstStatus } from '../status.js';
import { PublishRefusedError } from '../transport.js';
import { Copies, encodeCopy } from './copies.js';
import { type Partition, partitionOf } from './partition.js';
import { ShardedOutage } from './sharded-outage.js';
import { ShardedPeers } from './sharded-peers.js';

/** A partition with its own bus. */
export interface Shard {
  readonly partition: Partition;
  readonly bus: Bus;
}

/**
 * The bus over sharded pub/sub. Each partition has its own bus, with its own numbers, echo, heartbeats and status, because
 * partitions fail and move independently. Messages of one sender for one target keep their order.
 */
export class ShardedBus implements Bus {
  private readonly statusSubject: BehaviorSubject<BackplaneStatus>;
  private readonly losses = new Subject<BusLoss>();
  private readonly outage: ShardedOutage;
  private readonly copies: Copies;
  /** By shard: the wanted channels, and the channels for servers. */
  private readonly wanted: readonly Set<string>[];
  private readonly buses: readonly Bus[];
  private copyId = 0;
  private closing: Promise<void> | undefined;

  readonly clock: Clock;
  readonly timeOfDay: TimeOfDay;
  readonly peers: ShardedPeers;
  readonly status$: Observable<BackplaneStatus>;
  readonly errors$: Observable<ReportedError>;
  readonly beats$: Bus['beats$'];
  readonly loss$: Observable<BusLoss> = this.losses.asObservable();

  constructor(
    readonly serverId: string,
    channels: ChannelNames,
    private readonly shards: readonly Shard[],
  ) {
    // All partitions share the clock of this process.
    const { bus: first } = shards[0] as Shard;
    this.clock = first.clock;
    this.timeOfDay = first.timeOfDay;
    const now = (): number => this.clock.now();
    this.copies = new Copies(now);
    this.buses = shards.map(({ bus }) => bus);
    this.wanted = shards.map(() => new Set<string>());
    for (const channel of [channels.servers, channels.server(serverId)])
      this.wantedWith(channel).add(channel);
    this.peers = new ShardedPeers(this.buses.map(({ peers }) => peers));
    this.errors$ = merge(...this.buses.map(({ errors$ }) => errors$));
    this.beats$ = this.shardOf(channels.servers).bus.beats$;
    this.outage = new ShardedOutage(this.buses, now);
    this.statusSubject = new BehaviorSubject(this.worst());
    this.status$ = this.statusSubject.asObservable();
    for (const [index, { bus }] of shards.entries()) {
      bus.status$.subscribe(() => this.updateStatus());
      bus.loss$.subscribe((loss) => this.reportLoss(index, loss));
    }
  }

  get status(): BackplaneStatus {
    return this.statusSubject.value;
  }

  get connectionFailed$(): ShardedOutage['failed$'] {
    return this.outage.failed$;
  }

  get connectionRestored$(): ShardedOutage['restored$'] {
    return this.outage.restored$;
  }

  get counters(): BusCounters {
    const sum = (counter: keyof BusCounters): number =>
      this.buses.reduce((total, { counters }) => total + counters[counter], 0);
    return {
      published: sum('published'),
      received: sum('received'),
      duplicates: sum('duplicates') + this.copies.duplicates,
      malformed: sum('malformed'),
      unknownVersion: sum('unknownVersion'),
    };
  }

  async start(receive: RecordReceiver): Promise<void> {
    const unwrap: RecordReceiver = (origin, kind, body) => {
      if (kind !== RecordKind.Copy) return receive(origin, kind, body);
      for (const record of this.copies.read(origin, body)) receive(origin, record.kind, record.body);
    };
    await Promise.all(this.buses.map((bus) => bus.start(unwrap)));
  }

  whenReady(timeoutMs: number): Promise<boolean> {
    return whenSettled(this.status$, timeoutMs, this.clock);
  }

  async publish(channels: readonly string[], record: Buffer): Promise<Accepted> {
    const groups = new Map<Shard, string[]>();
    for (const channel of channels) {
      const shard = this.shardOf(channel);
      const group = groups.get(shard) ?? [];
      groups.set(shard, group);
      group.push(shard.partition.realName(channel));
    }
    const sent = groups.size > 1 ? encodeCopy(++this.copyId, record) : record;
    const results = await Promise.allSettled([...groups].map(([{ bus }, names]) => bus.publish(names, sent)));
    const failures = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    if (failures.length === 0) return 'accepted';
    const refused =
      failures.length === results.length && failures.every((cause) => cause instanceof PublishRefusedError);
    const [cause] = failures;
    if (refused || results.length === 1) throw cause;
    // If only some of the partitions refused it, some servers may have received it, so the outcome is unknown.
    throw new Error('not all Redis nodes accepted a message for channels on several nodes', { cause });
  }

  pipesOf(channels: readonly string[]): readonly Pipe[] {
    const shards = new Set(channels.map((channel) => this.shardOf(channel)));
    return [...shards].flatMap(({ bus }) => bus.pipesOf([]));
  }

  async want(channel: string): Promise<void> {
    const { bus, partition } = this.shardOf(channel);
    this.wantedWith(channel).add(channel);
    try {
      await bus.want(partition.realName(channel));
    } catch (error) {
      throw error instanceof NotSubscribedError
        ? new NotSubscribedError(channel, { cause: error.cause })
        : error;
    }
  }

  unwant(channel: string): void {
    const { bus, partition } = this.shardOf(channel);
    this.wantedWith(channel).delete(channel);
    bus.unwant(partition.realName(channel));
  }

  hearingOf(channel: string): Subscribed {
    const { bus, partition } = this.shardOf(channel);
    return bus.hearingOf(partition.realName(channel));
  }

  async sayGoodbye(): Promise<void> {
    await Promise.all(this.buses.map((bus) => bus.sayGoodbye()));
  }

  close(): Promise<void> {
    return (this.closing ??= this.end());
  }

  private async end(): Promise<void> {
    await Promise.all(this.buses.map((bus) => bus.close()));
    this.statusSubject.complete();
    this.losses.complete();
    this.outage.close();
  }

  private shardOf(channel: string): Shard {
    return this.shards[partitionOf(channel)] as Shard;
  }

  private wantedWith(channel: string): Set<string> {
    return this.wanted[partitionOf(channel)] as Set<string>;
  }

  private updateStatus(): void {
    const status = this.worst();
    if (!sameStatus(status, this.status)) this.statusSubject.next(status);
  }

  private worst(): BackplaneStatus {
    return worstStatus(this.buses.map(({ status }) => status));
  }

  /** Reports a partition's loss for the channels that are wanted there. Without wanted channels, nothing was missed. */
  private reportLoss(index: number, loss: BusLoss): void {
    const { partition } = this.shards[index] as Shard;
    const channels =
      loss.channels === 'all'
        ? [...(this.wanted[index] as Set<string>)]
        : loss.channels.map((real) => partition.nameOf(real));
    if (channels.length > 0) this.losses.next({ ...loss, channels });
  }
}
