import type { Observable } from 'rxjs';
import type { Bus, BusLoss } from '../bus/bus.js';
import type { ReportedError } from '../bus/bus.errors.js';
import type { ChannelNames } from '../protocol/channel-names.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import type { ResolvedOutage } from '../options/resolve-options.js';
import { createOutagePolicy } from './outage/create-outage-policy.js';
import { GivenUpReport } from './outage/given-up-report.js';
import type { OutagePolicy } from './outage/outage-policy.js';
import { Addressing } from './addressing.js';
import { Invocations } from './invocations.js';
import { Commands } from './commands.js';
import { Emitter } from './emitter.js';
import { Explain } from './explain.js';
import { lossesOf, type RoutedLoss } from './losses.js';
import type { LocalConnection } from './local-connection.js';
import { RecordDispatcher, type RecordHandler } from './record-dispatcher.js';
import { MemberQueries } from './member-queries.js';
import { PresenceData } from './presence-data.js';
import { Queries } from './queries.js';
import { Requests } from './requests.js';
import { Roster } from './roster.js';
import { SendListeners } from './send-listeners.js';
import { Undeliverable } from './undeliverable.js';

export interface RouterOptions {
  /** The client protocols that connections on any server may use. */
  readonly protocols: readonly ClientProtocol[];
  readonly outage: ResolvedOutage;
  readonly commandTimeoutMs: number;
  /** The maximum size of an emit or a request, in bytes as published. */
  readonly maxMessageBytes: number;
  /** How long a channel stays subscribed after its last member left, in milliseconds. */
  readonly unsubscribeDelayMs: number;
}

/** Connects the parts of routing: the roster of connections, emits, commands, invocations and queries. */
export class Router {
  readonly roster: Roster;
  readonly emitter: Emitter;
  readonly commands: Commands;
  readonly invocations: Invocations;
  readonly queries: Queries;
  readonly memberQueries: MemberQueries;
  readonly explain: Explain;
  readonly presenceData: PresenceData;
  readonly undeliverable: Undeliverable;
  /** For those who want to know what this server's app sends. */
  readonly sendListeners: SendListeners;
  private readonly requests: Requests;
  private readonly policy: OutagePolicy;
  private readonly dispatcher = new RecordDispatcher();
  private readonly givenUp = new GivenUpReport((error) => this.dispatcher.report(error));

  readonly errors$: Observable<ReportedError> = this.dispatcher.errors$;

  constructor(bus: Bus, channels: ChannelNames, options: RouterOptions) {
    const { protocols, outage, commandTimeoutMs, maxMessageBytes, unsubscribeDelayMs } = options;
    this.policy = createOutagePolicy(outage, bus, (messages, reason) => this.givenUp.add(messages, reason));
    this.undeliverable = new Undeliverable(bus.clock, (error) => this.dispatcher.report(error));
    this.roster = new Roster(bus, channels, this.policy.keepsMemberships, unsubscribeDelayMs);
    this.sendListeners = new SendListeners(protocols);
    const addressing = new Addressing(bus.serverId, channels, this.roster);
    this.emitter = new Emitter(
      addressing,
      protocols,
      this.roster,
      this.policy,
      this.dispatcher,
      this.undeliverable.add,
      maxMessageBytes,
      this.sendListeners,
    );
    this.requests = new Requests(bus, channels, addressing, maxMessageBytes);
    this.commands = new Commands(
      bus,
      channels,
      addressing,
      this.roster,
      this.requests,
      this.dispatcher,
      commandTimeoutMs,
      this.sendListeners,
    );
    this.invocations = new Invocations(
      bus,
      channels,
      addressing,
      protocols,
      this.roster,
      this.requests,
      this.dispatcher,
      this.sendListeners,
    );
    this.queries = new Queries(bus, channels, addressing, this.requests, this.dispatcher, commandTimeoutMs);
    this.presenceData = new PresenceData((error) => this.dispatcher.report(error));
    this.explain = new Explain(bus, addressing, protocols, this.roster, this.policy, this.queries);
    this.memberQueries = new MemberQueries(bus, this.roster, this.queries, this.presenceData);
  }

  /** Adds the handler for a kind of record that routing itself does not use. */
  on(kind: number, handler: RecordHandler): void {
    this.dispatcher.on(kind, handler);
  }

  /** Reports a failure on `errors$`. */
  report(error: ReportedError): void {
    this.dispatcher.report(error);
  }

  /** Handles a record from another server. Never throws. */
  receive(origin: string, kind: number, body: Buffer): void {
    this.dispatcher.receive(origin, kind, body);
  }

  /** The losses that affect connections on this server. */
  concerned(loss: BusLoss): RoutedLoss[] {
    return lossesOf(loss, this.roster);
  }

  remove(connection: LocalConnection): void {
    this.roster.remove(connection);
    this.invocations.disconnected(connection);
  }

  close(): void {
    this.policy.close();
    this.givenUp.flush();
    this.roster.close();
    this.requests.close();
    this.queries.close();
    this.invocations.close();
    this.undeliverable.close();
    this.dispatcher.close();
  }
}
