import { BehaviorSubject, type Observable, Subject, firstValueFrom, map, race, timer } from 'rxjs';
import { filter } from 'rxjs/operators';
import { decodeEnvelope, encodeRecord } from '../protocol/envelope.js';
import type { ChannelNames } from '../protocol/channel-names.js';
import { RecordKind } from '../protocol/record-kind.js';
import type { Bus, BusCounters, ConnectionFailure, ConnectionRestoration, RecordReceiver } from './bus.js';
import { BackplaneError } from './bus.errors.js';
import { Hearing } from './hearing.js';
import { Outbox } from './outbox.js';
import { Peers } from './peers.js';
import { type BackplaneStatus, type StatusFacts, decideStatus, sameStatus } from './status.js';
import { Subscriptions } from './subscriptions.js';
import type { LinkRole, Transport, TransportEvents } from './transport.js';

const NO_BODY = Buffer.alloc(0);
const HEARTBEAT = encodeRecord(RecordKind.Heartbeat, NO_BODY);
const ROLL_CALL = encodeRecord(RecordKind.RollCall, NO_BODY);
const GOODBYE = encodeRecord(RecordKind.Goodbye, NO_BODY);
/** A goodbye to a Redis that does not answer is not waited for longer than this. */
const GOODBYE_TIMEOUT_MS = 500;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The bus over any transport: puts numbers, subscriptions, hearing and status together. */
export class ServerBus implements Bus {
  private readonly now = (): number => performance.now();
  private readonly statusSubject = new BehaviorSubject<BackplaneStatus>({ state: 'connecting' });
  private readonly failures = new Subject<ConnectionFailure>();
  private readonly restorations = new Subject<ConnectionRestoration>();
  private readonly errors = new Subject<BackplaneError>();
  private readonly subscriptions: Subscriptions;
  private readonly outbox: Outbox;
  private readonly hearing: Hearing;
  private readonly linksUp = new Set<LinkRole>();
  private readonly count: Mutable<BusCounters> = {
    published: 0,
    received: 0,
    duplicates: 0,
    malformed: 0,
    unknownVersion: 0,
  };
  private receive: RecordReceiver = () => undefined;
  private facts: Mutable<StatusFacts> = {
    closed: false,
    linksUp: false,
    retry: undefined,
    subscribed: false,
    echoed: false,
    deniedChannels: [],
  };
  private outageSince: number | undefined;
  private channelsRestored = 0;

  readonly peers = new Peers(this.now);
  readonly status$: Observable<BackplaneStatus> = this.statusSubject.asObservable();
  readonly connectionFailed$: Observable<ConnectionFailure> = this.failures.asObservable();
  readonly connectionRestored$: Observable<ConnectionRestoration> = this.restorations.asObservable();
  readonly errors$: Observable<BackplaneError> = this.errors.asObservable();

  constructor(
    readonly serverId: string,
    private readonly channels: ChannelNames,
    private readonly transport: Transport,
  ) {
    this.subscriptions = new Subscriptions(transport, (channel, cause) => this.reportDenied(channel, cause));
    this.hearing = new Hearing(this.now, {
      beat: () => this.beat(),
      echoed: () => this.echoed(),
      deaf: (silentMs) => this.deaf(silentMs),
      look: (lateMs) => this.look(lateMs),
    });
    this.outbox = new Outbox(serverId, transport, (number) => {
      this.count.published++;
      this.hearing.sent(number);
    });
  }

  get status(): BackplaneStatus {
    return this.statusSubject.value;
  }

  get counters(): BusCounters {
    return { ...this.count };
  }

  async start(receive: RecordReceiver): Promise<void> {
    this.receive = receive;
    for (const channel of [this.channels.servers, this.channels.server(this.serverId)]) {
      // The link is not up yet: the wish stays, and is granted when it is.
      this.want(channel).catch(() => undefined);
    }
    this.hearing.start();
    await this.transport.open(this.transportEvents);
  }

  whenReady(timeoutMs: number): Promise<boolean> {
    const settled = this.status$.pipe(
      filter(({ state }) => state === 'ready' || state === 'degraded' || state === 'closed'),
      map(({ state }) => state !== 'closed'),
    );
    return firstValueFrom(race(settled, timer(timeoutMs).pipe(map(() => false))), { defaultValue: false });
  }

  publish(channels: readonly string[], record: Buffer): Promise<void> {
    return this.outbox.publish(channels, record);
  }

  want(channel: string): Promise<void> {
    return this.subscriptions.want(channel);
  }

  unwant(channel: string): void {
    this.subscriptions.unwant(channel);
  }

  async close(): Promise<void> {
    if (this.facts.closed) return;
    const goodbye = this.publish([this.channels.servers], GOODBYE).catch(() => undefined);
    if (this.facts.linksUp) await firstValueFrom(race(goodbye, timer(GOODBYE_TIMEOUT_MS)));
    this.hearing.stop();
    this.update({ closed: true });
    await this.transport.close();
    this.subscriptions.linkLost(new Error('the backplane is closed'));
    for (const subject of [this.statusSubject, this.failures, this.restorations, this.errors])
      subject.complete();
    this.peers.close();
  }

  private readonly transportEvents: TransportEvents = {
    up: (link) => {
      this.linksUp.add(link);
      if (link === 'subscriber') void this.restore();
      this.update({ linksUp: this.linksUp.size === 2, retry: undefined });
      this.prove();
    },
    down: (link, cause) => {
      this.linksUp.delete(link);
      this.hearing.end();
      this.peers.deaf();
      if (link === 'subscriber') this.subscriptions.linkLost(cause);
      this.outage(link, cause);
      const subscribed = this.facts.subscribed && link !== 'subscriber';
      this.update({ linksUp: false, echoed: false, subscribed, retry: { attempt: 1, nextDelayMs: 0 } });
    },
    retrying: (link, attempt, nextDelayMs, cause) => {
      this.outage(link, cause);
      this.update({ retry: { attempt, nextDelayMs: Math.round(nextDelayMs) } });
    },
    message: (bytes) => this.read(bytes),
  };

  private async restore(): Promise<void> {
    this.channelsRestored = await this.subscriptions.restore();
    if (!this.linksUp.has('subscriber')) return;
    this.update({ subscribed: true, deniedChannels: this.subscriptions.denied });
    this.prove();
  }

  /** The last step to `ready`: with links up and channels subscribed, this server must hear itself. */
  private prove(): void {
    if (this.facts.linksUp && this.facts.subscribed) this.hearing.begin();
  }

  private beat(): void {
    const records = this.facts.echoed ? HEARTBEAT : Buffer.concat([HEARTBEAT, ROLL_CALL]);
    this.publish([this.channels.servers], records).catch((cause: unknown) => {
      this.report(new BackplaneError('publish', 'A heartbeat could not be published.', { cause }));
    });
  }

  private echoed(): void {
    this.peers.listen();
    if (this.outageSince !== undefined) {
      const downMs = Math.round(this.now() - this.outageSince);
      this.outageSince = undefined;
      this.restorations.next({ downMs, channelsRestored: this.channelsRestored });
    }
    this.update({ echoed: true });
  }

  private deaf(silentMs: number): void {
    this.transport.reset(
      new Error(`nothing of this server's own came back through Redis for ${Math.round(silentMs)} ms`),
    );
  }

  private look(lateMs: number): void {
    if (lateMs > 0) this.peers.excuse(lateMs);
    this.peers.sweep();
    if (this.facts.deniedChannels.length > 0) {
      this.subscriptions.retryDenied();
      this.update({ deniedChannels: this.subscriptions.denied });
    }
  }

  private read(bytes: Buffer): void {
    const decoded = decodeEnvelope(bytes);
    if (!decoded.ok) {
      if (decoded.reason === 'version') this.count.unknownVersion++;
      else this.count.malformed++;
      const what =
        decoded.reason === 'version'
          ? `an envelope of version ${decoded.version}`
          : `a ${decoded.reason} message`;
      return this.report(new BackplaneError('decode', `Dropped ${what} of ${bytes.length} bytes.`));
    }
    const { origin, number, records } = decoded.envelope;
    if (origin === this.serverId) return this.hearing.echo(number);
    if (!this.peers.heard(origin, number)) {
      this.count.duplicates++;
      return;
    }
    this.count.received++;
    for (const { kind, body } of records) this.dispatch(origin, kind, body);
  }

  private dispatch(origin: string, kind: number, body: Buffer): void {
    if (kind === RecordKind.Goodbye) this.peers.left(origin);
    else if (kind === RecordKind.RollCall) this.beat();
    else if (kind !== RecordKind.Heartbeat) this.receive(origin, kind, body);
  }

  private reportDenied(channel: string, cause: Error): void {
    this.update({ deniedChannels: this.subscriptions.denied });
    const message = `Redis refused to let this server subscribe ${channel}. Grant its user the channels "&${this.channels.pattern}".`;
    this.report(new BackplaneError('subscribe', message, { cause }));
  }

  /** Told once per outage, however many links and attempts fail in it. */
  private outage(link: LinkRole, cause: Error): void {
    if (this.outageSince !== undefined || this.facts.closed) return;
    this.outageSince = this.now();
    this.failures.next({ link, cause });
  }

  private report(error: BackplaneError): void {
    this.errors.next(error);
  }

  private update(change: Partial<StatusFacts>): void {
    this.facts = { ...this.facts, ...change };
    const status = decideStatus(this.facts);
    if (!sameStatus(status, this.status)) this.statusSubject.next(status);
  }
}
