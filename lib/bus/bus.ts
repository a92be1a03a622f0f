import type { Observable } from 'rxjs';
import type { ReportedError } from './bus.errors.js';
import type { Clock } from './clock.js';
import type { BackplaneStatus } from './status.js';
import type { RedisRole } from '../options/redis-backplane-options.js';

/** Redis has accepted a publish. */
export type Accepted = 'accepted';

/**
 * Carries records between the servers of a farm: at most once, and in the order in which each server published them.
 * Callers do not know whether Redis or memory carries the bytes.
 */
export interface Bus {
  /** The clock that the bus uses, for code that works with its times. */
  readonly clock: Clock;
  /** Converts the times that the bus reports to the system time. */
  readonly timeOfDay: TimeOfDay;
  readonly serverId: string;
  readonly peers: PeerView;
  readonly status: BackplaneStatus;
  /** Replays the current status. Like the other observables, completes when the bus is closed. */
  readonly status$: Observable<BackplaneStatus>;
  readonly connectionFailed$: Observable<ConnectionFailure>;
  readonly connectionRestored$: Observable<ConnectionRestoration>;
  readonly errors$: Observable<ReportedError>;
  /** Messages that this server may have missed. */
  readonly loss$: Observable<BusLoss>;
  readonly counters: BusCounters;
  /** Emits when a heartbeat has been queued. What is published on the servers' channel at once shares its envelope. */
  readonly beats$: Observable<QueuedBeat>;

  /**
   * Starts to connect and retries until `close`. Does not wait for a connection. `receive` gets the records of other
   * servers and must not throw.
   *
   * @throws InvalidOptionsError (as a rejection) when a client from `connectionFactory` cannot be used
   */
  start(receive: RecordReceiver): Promise<void>;
  /** Resolves with true once the status is `ready` or `degraded`, with false after `timeoutMs` or when closed. */
  whenReady(timeoutMs: number): Promise<boolean>;
  /**
   * Publishes a record once on each of the channels. A server that subscribes several of them receives it once.
   * Records of one tick for the same channels share a publish and its promise.
   *
   * @throws PublishRefusedError (as a rejection) when Redis certainly did not accept it; any other rejection leaves the outcome unknown
   */
  publish(channels: readonly string[], record: Buffer): Promise<Accepted>;
  /** The pipes that a publish on these channels uses. Always returns the same object for the same pipe. */
  pipesOf(channels: readonly string[]): readonly Pipe[];
  /**
   * Keeps a channel subscribed until `unwant`, across outages. Resolves when it is subscribed. Rejects if it cannot be
   * subscribed now, but the channel stays wanted.
   *
   * @throws NotSubscribedError (as a rejection)
   */
  want(channel: string): Promise<void>;
  unwant(channel: string): void;
  /** Whether messages on this channel reach this server. */
  hearingOf(channel: string): Subscribed;
  /**
   * Tells the other servers that this one is leaving, so none of them waits for its replies. It still publishes and
   * receives until `close`. Waits for Redis for at most half a second.
   */
  sayGoodbye(): Promise<void>;
  /**
   * Says goodbye if that has not been done, and closes the links. Takes at most a second and a half, even if Redis hangs.
   * Rejects everything that is still waiting for Redis then. Idempotent.
   */
  close(): Promise<void>;
}

/** A heartbeat that will leave at the end of this tick. */
export interface QueuedBeat {
  /** The most by which a timer of 250 ms was late since the previous heartbeat, in milliseconds. */
  readonly timerDelayMs: number;
}

/** The state of a channel's subscription. */
export interface Subscribed {
  readonly isHeard: boolean;
  /** Whether Redis refuses the subscription. */
  readonly isRefused: boolean;
  /** Since when the channel is wanted and not heard, in {@link Clock.now} time; `undefined` if it is heard, or not wanted. */
  readonly deafSince: number | undefined;
}

/** Converts times of {@link Clock.now} to the system time. */
export interface TimeOfDay {
  /** The system time at this moment; the earliest possible one if the clock has been set since then. */
  earliest(time: number): number;
  /** The system time at a moment that has just passed. */
  recent(time: number): number;
}

/** A first-in, first-out path to the other servers: one for the whole farm, or one per partition in sharded mode. */
export interface Pipe {
  /** Whether a message can be published now, and this server has heard everything for the last `ms` milliseconds. */
  isOpenFor(ms: number): boolean;
}

export type RecordReceiver = (origin: string, kind: number, body: Buffer) => void;

/** The other servers, as this one sees them. */
export interface PeerView {
  readonly alive: ReadonlySet<string>;
  /** Whether a server's heartbeats announce this capability. Assumes those of the first release if no heartbeat was heard. */
  can(serverId: string, capability: number): boolean;
  /** Servers that timed out within the last minute without saying goodbye. */
  readonly silent: ReadonlySet<string>;
  /**
   * Resolves once this server has heard everything for `ms` milliseconds without a break, or when the bus closes. During
   * an outage that may take forever, so pass a signal to stop waiting: aborting it resolves the promise too.
   */
  whenHeardFor(ms: number, signal?: AbortSignal): Promise<void>;
  /** Emits the id of a server that said goodbye or timed out. */
  readonly lost$: Observable<string>;
  /**
   * Emits when a server is heard for the first time, is no longer alive, or is heard again after a silence. Emits `joined`
   * for a server that was silent for so long that it was forgotten (ten minutes). The changes of a server alternate. The
   * rest of the envelope that made it known, such as its heartbeat, is read afterwards.
   */
  readonly changes$: Observable<PeerChange>;
}

export interface PeerChange {
  readonly serverId: string;
  readonly change: 'joined' | 'goodbye' | 'silent' | 'returned';
}

/** The connection to Redis was lost. Reported once per outage. */
export interface ConnectionFailure {
  readonly link: RedisRole;
  readonly cause: Error;
}

/** The connection to Redis is restored: this server has heard itself through Redis again. */
export interface ConnectionRestoration {
  /** The duration of the outage in milliseconds, from the failure until this server heard itself again. */
  readonly downMs: number;
  /** How many channels were resubscribed. */
  readonly channelsRestored: number;
}

/** Messages that this server may not have heard. */
export interface BusLoss {
  readonly channels: readonly string[] | 'all';
  /** The server that sent them; `undefined` for all servers. */
  readonly origin?: string;
  /** The window in which they were emitted, in {@link Clock.now} time. */
  readonly from: number;
  readonly to: number;
  /** `known`: at least one message was missed; `possible`: messages were missed if any were published then. */
  readonly certainty: 'known' | 'possible';
}

export interface BusCounters {
  /** Envelopes sent to Redis. */
  readonly published: number;
  /** Envelopes of other servers that were accepted. */
  readonly received: number;
  /** Envelopes that were dropped because the same one or a later one of the same server had been accepted. */
  readonly duplicates: number;
  /** Messages on this app's channels that are not valid envelopes. */
  readonly malformed: number;
  /** Envelopes of a major version that this release cannot read. */
  readonly unknownVersion: number;
}
