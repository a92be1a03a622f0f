import { BehaviorSubject, type Observable, Subject, firstValueFrom, race, timer } from 'rxjs';
import { encodeRecord } from '../protocol/envelope.js';
import { encodeHeartbeat } from '../protocol/heartbeat-record.js';
import type { ChannelNames } from '../protocol/channel-names.js';
import { RecordKind } from '../protocol/record-kind.js';
import type { Accepted, Bus, BusCounters, Pipe, RecordReceiver } from './bus.js';
import { BackplaneError } from './bus.errors.js';
import { Hearing } from './hearing.js';
import { Inbox } from './inbox.js';
import { Outage } from './outage.js';
import { Outbox } from './outbox.js';
import { Peers } from './peers.js';
import { RedisConnectError } from './redis-connect.error.js';
import { type BackplaneStatus, type StatusFacts, decideStatus, sameStatus, whenSettled } from './status.js';
import { Subscriptions } from './subscriptions.js';
import { type LinkRole, PublishRefusedError, type Transport, type TransportEvents } from './transport.js';

const NO_BODY = Buffer.alloc(0);
const ROLL_CALL = encodeRecord(RecordKind.RollCall, NO_BODY);
const GOODBYE = encodeRecord(RecordKind.Goodbye, NO_BODY);
/** A goodbye to a Redis that does not answer is not waited for longer than this. */
const GOODBYE_TIMEOUT_MS = 500;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The bus over any transport: puts numbers, subscriptions, hearing and status together. */
export class ServerBus implements Bus {
  private readonly now = (): number => performance.now();
  private readonly statusSubject = new BehaviorSubject<BackplaneStatus>({ state: 'connecting' });
  private readonly errors = new Subject<BackplaneError>();
  private readonly subscriptions: Subscriptions;
  private readonly outbox: Outbox;
  private readonly hearing: Hearing;
  private readonly inbox: Inbox;
  private readonly linksUp = new Set<LinkRole>();
  private published = 0;
  private receive: RecordReceiver = () => undefined;
  private facts: Mutable<StatusFacts> = {
    closed: false,
    linksUp: false,
    retry: undefined,
    subscribed: false,
    echoed: false,
    deniedChannels: [],
  };
  private readonly outage = new Outage(this.now);
  private channelsRestored = 0;
  private goodbye: Promise<void> | undefined;
  private closing: Promise<void> | undefined;
  private answeringRollCall = false;
  private beats = 0;
  /** The highest number that a heartbeat ever had: others may have heard it, whatever became of its publish. */
  private highestBeat = 0;
  /** Where this server publishes to. */
  private node: string | undefined;
  /** What this server published of late may not have been heard by the others. */
  private unheard = false;
  /** What was told on `errors$` of the outage under way. */
  private toldProblem: string | undefined;

  readonly peers = new Peers(this.now);
  private readonly pipes: readonly [Pipe] = [
    {
      isOpenFor: (ms) =>
        !this.facts.closed &&
        this.facts.linksUp &&
        this.facts.echoed &&
        this.outbox.hasRoom &&
        this.peers.hasHeardFor(ms),
    },
  ];
  readonly status$: Observable<BackplaneStatus> = this.statusSubject.asObservable();
  readonly connectionFailed$ = this.outage.failed$;
  readonly connectionRestored$ = this.outage.restored$;
  readonly loss$ = this.outage.loss$;
  readonly errors$: Observable<BackplaneError> = this.errors.asObservable();

  constructor(
    readonly serverId: string,
    private readonly channels: ChannelNames,
    private readonly transport: Transport,
    publishTimeoutMs: number,
  ) {
    this.subscriptions = new Subscriptions(transport, {
      denied: (channel, cause) => this.reportDenied(channel, cause),
      granted: (channel, deafSince) => this.granted(channel, deafSince),
    });
    this.hearing = new Hearing(this.now, {
      beat: () => this.beat(!this.facts.echoed),
      echoed: () => this.echoed(),
      deaf: (silentMs) => this.deaf(silentMs),
      look: (lateMs) => this.look(lateMs),
    });
    this.inbox = new Inbox(serverId, this.now, this.peers, this.hearing, this.outage, {
      receive: (origin, kind, body) => this.receive(origin, kind, body),
      rollCall: () => this.answerRollCall(),
      report: (error) => this.report(error),
    });
    const onSent = (number: number): void => {
      this.published++;
      this.hearing.sent(number);
    };
    this.outbox = new Outbox(serverId, transport, this.now, publishTimeoutMs, onSent, () => this.published--);
  }

  get status(): BackplaneStatus {
    return this.statusSubject.value;
  }

  get counters(): BusCounters {
    return { published: this.published, ...this.inbox.count };
  }

  async start(receive: RecordReceiver): Promise<void> {
    if (this.closing) return;
    this.receive = receive;
    for (const channel of [this.channels.servers, this.channels.server(this.serverId)]) {
      // The link is not up yet: the wish stays, and is granted when it is.
      this.want(channel).catch(() => undefined);
    }
    this.hearing.start();
    await this.transport.open(this.transportEvents);
  }

  whenReady(timeoutMs: number): Promise<boolean> {
    return whenSettled(this.status$, timeoutMs);
  }

  publish(channels: readonly string[], record: Buffer): Promise<Accepted> {
    if (this.facts.closed) return Promise.reject(new PublishRefusedError('the backplane is closed'));
    return this.outbox.publish(channels, record);
  }

  pipesOf(): readonly Pipe[] {
    return this.pipes;
  }

  want(channel: string): Promise<void> {
    return this.subscriptions.want(channel);
  }

  unwant(channel: string): void {
    this.subscriptions.unwant(channel);
  }

  sayGoodbye(): Promise<void> {
    return (this.goodbye ??= this.endHearing());
  }

  close(): Promise<void> {
    return (this.closing ??= this.end());
  }

  private async endHearing(): Promise<void> {
    // A heartbeat after the goodbye would say the opposite. Publishes go on timing out until the end.
    this.hearing.end();
    const goodbye = this.publish([this.channels.servers], GOODBYE).catch(() => undefined);
    if (this.facts.linksUp) await firstValueFrom(race(goodbye, timer(GOODBYE_TIMEOUT_MS)));
  }

  private async end(): Promise<void> {
    await this.sayGoodbye();
    this.update({ closed: true });
    await this.transport.close();
    this.hearing.stop();
    this.outbox.close();
    this.subscriptions.linkLost(new Error('the backplane is closed'), this.now());
    this.statusSubject.complete();
    this.errors.complete();
    this.outage.close();
    this.peers.close();
  }

  private readonly transportEvents: TransportEvents = {
    up: (link, node) => {
      this.linksUp.add(link);
      if (link === 'publisher') this.publishTo(node);
      if (link === 'subscriber') void this.restore();
      const linksUp = this.linksUp.size === 2;
      this.update({ linksUp, retry: linksUp ? undefined : this.facts.retry });
      this.prove();
    },
    down: (link, cause) => {
      this.linksUp.delete(link);
      this.hearing.end();
      this.peers.deaf();
      if (link === 'subscriber') {
        this.outage.deaf(this.hearing.heardUntil);
        this.subscriptions.linkLost(cause, this.hearing.heardUntil);
      }
      this.failed(link, cause);
      const subscribed = this.facts.subscribed && link !== 'subscriber';
      this.update({ linksUp: false, echoed: false, subscribed, retry: { attempt: 1, nextDelayMs: 0 } });
    },
    retrying: (link, attempt, nextDelayMs, cause) => {
      this.failed(link, cause);
      this.update({ retry: { attempt, nextDelayMs: Math.round(nextDelayMs) } });
    },
    moved: (since) => {
      this.outage.deaf(since);
      this.unheard = true;
    },
    problem: (cause) => this.report(new BackplaneError('connect', cause.message, { cause })),
    message: (bytes) => this.inbox.read(bytes),
  };

  /** Whoever is on another node than this server for a moment does not hear it, and neither has a link that tells. */
  private publishTo(node: string | undefined): void {
    if (this.node !== undefined && this.node !== node) this.unheard = true;
    this.node = node;
  }

  private async restore(): Promise<void> {
    this.channelsRestored = await this.subscriptions.restore();
    if (!this.linksUp.has('subscriber')) return;
    this.update({ subscribed: true, deniedChannels: this.subscriptions.denied });
    this.prove();
  }

  /** The last step to `ready`: with links up and channels subscribed, this server must hear itself. */
  private prove(): void {
    if (!this.facts.linksUp || !this.facts.subscribed || this.goodbye) return;
    this.inbox.expectAnyBeat();
    this.hearing.begin();
  }

  private beat(asking: boolean): void {
    if (this.goodbye) return;
    // A number that is skipped tells the others that they may have missed something.
    this.beats = this.unheard ? this.highestBeat + 2 : this.beats + 1;
    this.unheard = false;
    const number = this.beats;
    this.highestBeat = Math.max(this.highestBeat, number);
    const heartbeat = encodeHeartbeat({ number, sentAt: this.now() });
    this.publish([this.channels.servers], asking ? Buffer.concat([heartbeat, ROLL_CALL]) : heartbeat).catch(
      (cause: unknown) => {
        // Nobody shall miss a heartbeat that was never sent.
        this.beats = Math.min(this.beats, number - 1);
        this.report(new BackplaneError('publish', 'A heartbeat could not be published.', { cause }));
      },
    );
  }

  /** Once, however many ask in a turn: a farm that starts as one asks as often as it has servers. */
  private answerRollCall(): void {
    if (this.answeringRollCall) return;
    this.answeringRollCall = true;
    setImmediate(() => {
      this.answeringRollCall = false;
      this.beat(false);
    });
  }

  private echoed(): void {
    this.peers.listen();
    this.outage.restored(this.channelsRestored);
    this.channelsRestored = 0;
    this.toldProblem = undefined;
    this.update({ echoed: true });
  }

  private deaf(silentMs: number): void {
    this.transport.reset(
      new Error(`nothing of this server's own came back through Redis for ${Math.round(silentMs)} ms`),
    );
  }

  private look(lateMs: number): void {
    if (lateMs > 0) this.peers.excuse(lateMs);
    this.outbox.timeOut();
    this.peers.sweep();
    if (this.facts.deniedChannels.length > 0) {
      this.subscriptions.retryDenied();
      this.update({ deniedChannels: this.subscriptions.denied });
    }
  }

  private granted(channel: string, deafSince: number): void {
    this.update({ deniedChannels: this.subscriptions.denied });
    this.outage.missed({ channels: [channel], from: deafSince, to: this.now(), certainty: 'possible' });
  }

  private reportDenied(channel: string, cause: Error): void {
    this.update({ deniedChannels: this.subscriptions.denied });
    const message = `Redis refused to let this server subscribe ${channel}. Grant its user the channels "&${this.channels.pattern}".`;
    this.report(new BackplaneError('subscribe', message, { cause }));
  }

  private failed(link: LinkRole, cause: Error): void {
    if (this.facts.closed) return;
    this.outage.failed(link, cause);
    if (!(cause instanceof RedisConnectError) || cause.message === this.toldProblem) return;
    this.toldProblem = cause.message;
    this.report(new BackplaneError('connect', cause.message, { cause }));
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
