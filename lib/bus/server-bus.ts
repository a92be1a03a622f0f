import { firstValueFrom, race } from 'rxjs';
import { OWN_CAPABILITIES } from '../protocol/capabilities.js';
import type { ChannelNames } from '../protocol/channel-names.js';
import { encodeRecord } from '../protocol/envelope.js';
import { RecordKind } from '../protocol/record-kind.js';
import { Audit, type AuditTurn } from './audit.js';
import type { Accepted, Bus, BusCounters, Pipe, RecordReceiver, Subscribed } from './bus.js';
import { type Clock, elapsed, systemClock } from './clock.js';
import { ErrorReports } from './error-reports.js';
import { Hearing } from './hearing.js';
import { Heartbeats } from './heartbeats.js';
import { Inbox } from './inbox.js';
import { Moves } from './moves.js';
import { OutageReports } from './outage-reports.js';
import { Outbox } from './outbox.js';
import { Peers } from './peers.js';
import { type BackplaneStatus, whenSettled } from './status.js';
import { StatusTracker } from './status-tracker.js';
import type { SubscriptionEvents } from './subscription-news.js';
import { subscribeDenied, subscriptionRepaired, unsubscribeDenied } from './subscription-reports.js';
import { Subscriptions } from './subscriptions.js';
import { type LinkRole, PublishRefusedError, type Transport, type TransportEvents } from './transport.js';
import { WallClock } from './wall-clock.js';

const GOODBYE = encodeRecord(RecordKind.Goodbye, Buffer.alloc(0));
/** How long to wait for Redis to confirm the goodbye. */
const GOODBYE_TIMEOUT_MS = 500;
/** How long Redis may take to answer a SUBSCRIBE before the links are reset. The same as for an echo. */
const SUBSCRIBE_DEADLINE_MS = 3000;

export interface ServerBusOptions {
  /** How long Redis may take to answer a publish, in milliseconds. */
  readonly publishTimeoutMs: number;
  readonly clock?: Clock;
  /** @default every heartbeat */
  readonly audits?: AuditTurn;
  /** The capabilities that this server's heartbeats announce. */
  readonly capabilities?: number;
}

/** The bus over any transport. Connects the parts: outbox, inbox, subscriptions, hearing, peers and status. */
export class ServerBus implements Bus {
  private readonly tracker = new StatusTracker();
  private readonly reports = new ErrorReports();
  private readonly subscriptions: Subscriptions;
  private readonly outbox: Outbox;
  private readonly heartbeats: Heartbeats;
  private readonly audit: Audit;
  private readonly hearing: Hearing;
  private readonly inbox: Inbox;
  private readonly moves: Moves;
  private readonly outage: OutageReports;
  private readonly pipes: readonly [Pipe] = [{ isOpenFor: (ms) => this.isOpenFor(ms) }];
  private receive: RecordReceiver = () => undefined;
  private goodbye: Promise<void> | undefined;
  private closing: Promise<void> | undefined;

  readonly pipesOf = (): readonly Pipe[] => this.pipes;
  readonly hearingOf = (channel: string): Subscribed => this.subscriptions.hearingOf(channel);
  readonly clock: Clock;
  readonly timeOfDay: WallClock;
  readonly peers: Peers;
  readonly status$ = this.tracker.status$;
  readonly errors$ = this.reports.errors$;
  readonly connectionFailed$: OutageReports['failed$'];
  readonly connectionRestored$: OutageReports['restored$'];
  readonly loss$: OutageReports['loss$'];
  readonly beats$: Heartbeats['queued$'];

  constructor(
    readonly serverId: string,
    private readonly channels: ChannelNames,
    private readonly transport: Transport,
    { publishTimeoutMs, clock = systemClock, audits, capabilities = OWN_CAPABILITIES }: ServerBusOptions,
  ) {
    const now = (): number => clock.now();
    this.clock = clock;
    this.timeOfDay = new WallClock(clock);
    this.peers = new Peers(now);
    this.moves = new Moves(now);
    this.outage = new OutageReports(now, () => this.peers.publishMs);
    this.connectionFailed$ = this.outage.failed$;
    this.connectionRestored$ = this.outage.restored$;
    this.loss$ = this.outage.loss$;
    this.subscriptions = new Subscriptions(transport, this.subscriptionEvents, now);
    this.outbox = new Outbox(serverId, transport, now, publishTimeoutMs, (number) =>
      this.hearing.sent(number),
    );
    const auditEvents = {
      isHeard: () => this.tracker.facts.echoed,
      send: (channel: string) => this.outbox.sendEmpty(channel),
    };
    // The buses of a sharded server take turns and share heartbeats, so the echo proves the channel of one of them only.
    const echoChannel = audits ? undefined : channels.servers;
    this.audit = new Audit(this.subscriptions, now, auditEvents, audits, echoChannel);
    const heartbeatEvents = {
      publish: (record: Buffer) => this.publish([channels.servers], record),
      failed: (cause: Error) => this.reports.heartbeatFailed(cause),
      publishMs: () => this.outbox.takeDelay(),
      timerDelayMs: () => this.hearing.takeDelay(),
      moves: () => this.moves.latest,
    };
    this.heartbeats = new Heartbeats(now, heartbeatEvents, capabilities);
    this.beats$ = this.heartbeats.queued$;
    this.hearing = new Hearing(clock, {
      beat: () => this.beat(),
      echoed: () => this.echoed(),
      deaf: (silentMs) => this.deaf(silentMs),
      look: (lateMs) => this.look(lateMs),
    });
    this.inbox = new Inbox(serverId, now, this.peers, this.hearing, this.outage, {
      receive: (origin, kind, body) => this.receive(origin, kind, body),
      echo: (number, channel) => this.audit.heard(number, channel),
      rollCall: () => this.heartbeats.answerRollCall(),
      report: (error) => this.reports.report(error),
    });
  }

  get status(): BackplaneStatus {
    return this.tracker.status;
  }

  get counters(): BusCounters {
    return { published: this.outbox.published, ...this.inbox.count };
  }

  async start(receive: RecordReceiver): Promise<void> {
    if (this.closing) return;
    this.receive = receive;
    for (const channel of [this.channels.servers, this.channels.server(this.serverId)]) {
      // Rejects because the link is not up yet. The channel stays wanted and is subscribed once it is.
      this.want(channel).catch(() => undefined);
    }
    this.hearing.start();
    await this.transport.open(this.transportEvents);
  }

  whenReady(timeoutMs: number): Promise<boolean> {
    return whenSettled(this.status$, timeoutMs, this.clock);
  }

  publish(channels: readonly string[], record: Buffer): Promise<Accepted> {
    if (this.tracker.facts.closed) return Promise.reject(new PublishRefusedError('the backplane is closed'));
    return this.outbox.publish(channels, record);
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
    // Stops the echo deadline only. The periodic `look` continues, so publishes still time out.
    this.hearing.end();
    const goodbye = this.publish([this.channels.servers], GOODBYE).catch(() => undefined);
    if (this.tracker.facts.linksUp)
      await firstValueFrom(race(goodbye, elapsed(this.clock, GOODBYE_TIMEOUT_MS)));
  }

  private async end(): Promise<void> {
    await this.sayGoodbye();
    this.tracker.update({ closed: true });
    await this.transport.close();
    this.hearing.stop();
    this.outbox.close();
    this.subscriptions.linkLost(new Error('the backplane is closed'), this.clock.now());
    this.tracker.close();
    this.reports.close();
    this.outage.close();
    this.peers.close();
  }

  private readonly transportEvents: TransportEvents = {
    up: (link, node) => {
      if (link === 'publisher') this.moves.linkUp(node);
      if (link === 'subscriber') {
        this.peers.connected();
        void this.restore();
      }
      this.tracker.linkUp(link);
      this.prove();
    },
    down: (link, cause, trustedUntil = Infinity) => {
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
      this.tracker.linkDown(link);
    },
    retrying: (link, attempt, nextDelayMs, cause) => {
      this.failed(link, cause);
      this.tracker.update({ retry: { attempt, nextDelayMs: Math.round(nextDelayMs) } });
    },
    moved: (since) => {
      this.outage.deaf(since);
      this.heartbeats.skip();
    },
    problem: (cause) => this.reports.problem(cause),
    message: (bytes, channel) => {
      // A client from `connectionFactory` may also receive messages of the user's own subscriptions.
      if (this.channels.owns(channel)) this.inbox.read(bytes, channel);
    },
  };

  private async restore(): Promise<void> {
    const channels = await this.subscriptions.restore();
    // The link was lost again. The next `up` calls this method again.
    if (channels === undefined) return;
    this.outage.resubscribed(channels);
    this.tracker.update({ subscribed: true, denied: this.subscriptions.denied });
    this.prove();
  }

  /** The last step to `ready`: once the links are up and the channels subscribed, this server must hear itself. */
  private prove(): void {
    const { linksUp, subscribed } = this.tracker.facts;
    if (!linksUp || !subscribed || this.goodbye) return;
    this.inbox.expectAnyBeat();
    this.hearing.begin();
  }

  private beat(): void {
    this.heartbeats.beat(!this.tracker.facts.echoed);
    this.audit.beat();
  }

  private echoed(): void {
    this.peers.listen();
    this.outage.restored();
    this.reports.reset();
    this.tracker.update({ echoed: true });
  }

  private deaf(silentMs: number): void {
    this.transport.reset(
      new Error(`Redis has not delivered this server's own messages for ${Math.round(silentMs)} ms`),
    );
  }

  private look(lateMs: number): void {
    if (lateMs > 0) this.peers.excuse(lateMs);
    this.outbox.timeOut();
    this.timeOfDay.look();
    this.peers.sweep(this.hearing.heardUntil);
    this.subscriptions.look(lateMs);
    const { unansweredMs } = this.subscriptions;
    if (unansweredMs > SUBSCRIBE_DEADLINE_MS)
      this.transport.reset(
        new Error(`Redis has not answered a SUBSCRIBE or UNSUBSCRIBE for ${Math.round(unansweredMs)} ms`),
      );
  }

  private readonly subscriptionEvents: SubscriptionEvents = {
    refusedChanged: () => this.tracker.update({ denied: this.subscriptions.denied }),
    denied: (channels, cause) => this.reports.report(subscribeDenied(channels, cause)),
    leaveDenied: (channels, cause) => this.reports.report(unsubscribeDenied(channels, cause)),
    granted: (channels, deafSince) => this.missedOn(channels, deafSince),
    repaired: (channels, deafSince) => {
      this.reports.report(subscriptionRepaired(channels));
      this.missedOn(channels, deafSince);
    },
  };

  private missedOn(channels: readonly string[], from: number): void {
    this.outage.missed({ channels, from, to: this.clock.now(), certainty: 'possible' });
  }

  private failed(link: LinkRole, cause: Error): void {
    if (this.tracker.facts.closed) return;
    this.outage.failed(link, cause);
    this.reports.linkFailed(cause);
  }

  private isOpenFor(ms: number): boolean {
    const { closed, linksUp, echoed } = this.tracker.facts;
    return !closed && linksUp && echoed && this.outbox.hasRoom && this.peers.hasHeardFor(ms);
  }
}
