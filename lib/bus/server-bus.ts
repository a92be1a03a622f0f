import { BehaviorSubject, type Observable, Subject, firstValueFrom, race, timer } from 'rxjs';
import type { ChannelNames } from '../protocol/channel-names.js';
import { encodeRecord } from '../protocol/envelope.js';
import { RecordKind } from '../protocol/record-kind.js';
import { Audit } from './audit.js';
import type { Accepted, Bus, BusCounters, Pipe, RecordReceiver } from './bus.js';
import { ReportedError } from './bus.errors.js';
import { Hearing } from './hearing.js';
import { Heartbeats } from './heartbeats.js';
import { Inbox } from './inbox.js';
import { Moves } from './moves.js';
import { Outage } from './outage.js';
import { Outbox } from './outbox.js';
import { Peers } from './peers.js';
import { type BackplaneStatus, type StatusFacts, decideStatus, sameStatus, whenSettled } from './status.js';
import type { SubscriptionEvents } from './subscription-news.js';
import { subscribeDenied, subscriptionRepaired, unsubscribeDenied } from './subscription-reports.js';
import { Subscriptions } from './subscriptions.js';
import {
  type LinkRole,
  PublishRefusedError,
  RedisConnectError,
  type Transport,
  type TransportEvents,
} from './transport.js';
import { WallClock } from './wall-clock.js';

const GOODBYE = encodeRecord(RecordKind.Goodbye, Buffer.alloc(0));
/** A goodbye to a Redis that does not answer is not waited for longer than this. */
const GOODBYE_TIMEOUT_MS = 500;
/** A SUBSCRIBE that has not been answered after this long will not be: the same as for an own message that should come back. */
const SUBSCRIBE_DEADLINE_MS = 3000;
/** What is missed was emitted a little before Redis took it: so much at least, and by no more than the promise leaves room for. */
const MIN_TRAVEL_MS = 50;
const MAX_TRAVEL_MS = 1000;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The bus over any transport: puts numbers, subscriptions, hearing and status together. */
export class ServerBus implements Bus {
  private readonly now = (): number => performance.now();
  private readonly statusSubject = new BehaviorSubject<BackplaneStatus>({ state: 'connecting' });
  private readonly errors = new Subject<ReportedError>();
  private readonly subscriptions: Subscriptions;
  private readonly outbox: Outbox;
  private readonly heartbeats: Heartbeats;
  private readonly audit: Audit;
  private readonly hearing: Hearing;
  private readonly inbox: Inbox;
  private readonly linksUp = new Set<LinkRole>();
  private published = 0;
  private beats = 0;
  private receive: RecordReceiver = () => undefined;
  private facts: Mutable<StatusFacts> = {
    closed: false,
    linksUp: false,
    retry: undefined,
    subscribed: false,
    echoed: false,
    denied: { count: 0, first: undefined },
  };
  private readonly outage = new Outage(this.now, () =>
    Math.min(MAX_TRAVEL_MS, Math.max(MIN_TRAVEL_MS, this.peers.publishMs)),
  );
  private channelsRestored = 0;
  private goodbye: Promise<void> | undefined;
  private closing: Promise<void> | undefined;
  /** What was told on `errors$` of the outage under way. */
  private toldProblem: string | undefined;
  /** Why heartbeats fail, as it was told on `errors$`. */
  private toldBeatProblem: string | undefined;

  readonly clock = new WallClock(this.now);
  readonly peers = new Peers(this.now);
  private readonly moves = new Moves(this.now);
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
  readonly errors$: Observable<ReportedError> = this.errors.asObservable();

  constructor(
    readonly serverId: string,
    private readonly channels: ChannelNames,
    private readonly transport: Transport,
    publishTimeoutMs: number,
    /** Which heartbeats come with a check of a subscription, where several buses of a server take turns. */
    private readonly audits = { every: 1, first: 0 },
  ) {
    this.subscriptions = new Subscriptions(transport, this.subscriptionEvents, this.now);
    this.audit = new Audit(this.subscriptions, this.now, {
      send: (channel) => this.outbox.sendEmpty(channel),
    });
    this.heartbeats = new Heartbeats(this.now, {
      publish: (record) => this.publish([channels.servers], record),
      failed: (cause) => this.reportBeat(cause),
      publishMs: () => this.outbox.takeDelay(),
      moves: () => this.moves.latest,
    });
    this.hearing = new Hearing(this.now, {
      beat: () => this.beat(),
      echoed: () => this.echoed(),
      deaf: (silentMs) => this.deaf(silentMs),
      look: (lateMs) => this.look(lateMs),
    });
    this.inbox = new Inbox(serverId, this.now, this.peers, this.hearing, this.outage, {
      receive: (origin, kind, body) => this.receive(origin, kind, body),
      echo: (number, channel) => this.audit.heard(number, channel),
      rollCall: () => this.heartbeats.answerRollCall(),
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
    this.heartbeats.end();
    // Publishes go on timing out until the end.
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
      if (link === 'publisher') this.moves.linkUp(node);
      if (link === 'subscriber') {
        this.peers.connected();
        void this.restore();
      }
      const linksUp = this.linksUp.size === 2;
      this.update({ linksUp, retry: linksUp ? undefined : this.facts.retry });
      this.prove();
    },
    down: (link, cause, trustedUntil = Infinity) => {
      this.linksUp.delete(link);
      if (link === 'publisher') this.moves.linkLost();
      this.hearing.end();
      this.audit.reset();
      this.peers.deaf();
      if (link === 'subscriber') {
        for (const gap of this.peers.disconnected())
          this.outage.missed({ channels: 'all', ...gap, certainty: 'possible' });
        const heardUntil = Math.min(this.hearing.heardUntil, trustedUntil);
        this.outage.deaf(heardUntil);
        this.subscriptions.linkLost(cause, heardUntil);
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
      this.heartbeats.skip();
    },
    problem: (cause) => this.report(new ReportedError('connect', cause.message, { cause })),
    message: (bytes, channel) => {
      // A client that its owner uses for something else brings other messages, too.
      if (this.channels.owns(channel)) this.inbox.read(bytes, channel);
    },
  };

  private async restore(): Promise<void> {
    const channels = await this.subscriptions.restore();
    // The link was lost again; the next one is restored by itself.
    if (channels === undefined) return;
    this.channelsRestored = channels;
    this.update({ subscribed: true, denied: this.subscriptions.denied });
    this.prove();
  }

  /** The last step to `ready`: with links up and channels subscribed, this server must hear itself. */
  private prove(): void {
    if (!this.facts.linksUp || !this.facts.subscribed || this.goodbye) return;
    this.inbox.expectAnyBeat();
    this.hearing.begin();
  }

  private beat(): void {
    this.heartbeats.beat(!this.facts.echoed);
    // Behind the heartbeats of this turn, which may be collected.
    if (this.beats++ % this.audits.every === this.audits.first) setImmediate(() => this.checkSubscriptions());
  }

  private checkSubscriptions(): void {
    if (this.facts.echoed) this.audit.next();
  }

  private echoed(): void {
    this.peers.listen();
    this.outage.restored(this.channelsRestored);
    this.channelsRestored = 0;
    this.toldProblem = undefined;
    this.toldBeatProblem = undefined;
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
    this.clock.look();
    this.peers.sweep();
    this.subscriptions.look(lateMs);
    const { unansweredMs } = this.subscriptions;
    if (unansweredMs > SUBSCRIBE_DEADLINE_MS)
      this.transport.reset(
        new Error(`Redis has not answered a SUBSCRIBE or UNSUBSCRIBE for ${Math.round(unansweredMs)} ms`),
      );
  }

  private readonly subscriptionEvents: SubscriptionEvents = {
    refusedChanged: () => this.update({ denied: this.subscriptions.denied }),
    denied: (channels, cause) => this.report(subscribeDenied(channels, cause)),
    leaveDenied: (channels, cause) => this.report(unsubscribeDenied(channels, cause)),
    granted: (channels, deafSince) => this.missedOn(channels, deafSince),
    repaired: (channels, deafSince) => {
      this.report(subscriptionRepaired(channels));
      this.missedOn(channels, deafSince);
    },
  };

  private missedOn(channels: readonly string[], from: number): void {
    this.outage.missed({ channels, from, to: this.now(), certainty: 'possible' });
  }

  private failed(link: LinkRole, cause: Error): void {
    if (this.facts.closed) return;
    this.outage.failed(link, cause);
    if (!(cause instanceof RedisConnectError) || cause.message === this.toldProblem) return;
    this.toldProblem = cause.message;
    this.report(new ReportedError('connect', cause.message, { cause }));
  }

  /** Once, and not each second, while they fail for the same reason. */
  private reportBeat(cause: Error): void {
    if (cause.message === this.toldBeatProblem) return;
    this.toldBeatProblem = cause.message;
    const message = `A heartbeat could not be published: ${cause.message}`;
    this.report(new ReportedError('publish', message, { cause }));
  }

  private report(error: ReportedError): void {
    this.errors.next(error);
  }

  private update(change: Partial<StatusFacts>): void {
    this.facts = { ...this.facts, ...change };
    const status = decideStatus(this.facts);
    if (!sameStatus(status, this.status)) this.statusSubject.next(status);
  }
}
