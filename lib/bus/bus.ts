import type { Observable } from 'rxjs';
import type { ReportedError } from './bus.errors.js';
import type { Clock } from './clock.js';
import type { BackplaneStatus } from './status.js';
import type { RedisRole } from '../options/redis-backplane-options.js';

/** Redis has taken it. */
export type Accepted = 'accepted';

/**
 * Carries records between the servers of a farm, in the order in which each server published them, each
 * at most once. The one seam to Redis: no caller asks what carries the bytes.
 */
export interface Bus {
  /** The time as the bus sees it, for what works beside it. */
  readonly clock: Clock;
  /** Converts the times that the bus reports. */
  readonly timeOfDay: TimeOfDay;
  readonly serverId: string;
  readonly peers: PeerView;
  readonly status: BackplaneStatus;
  /** Replays the current status. Completes when the bus is closed, as the other observables do. */
  readonly status$: Observable<BackplaneStatus>;
  readonly connectionFailed$: Observable<ConnectionFailure>;
  readonly connectionRestored$: Observable<ConnectionRestoration>;
  readonly errors$: Observable<ReportedError>;
  /** What this server may have missed. */
  readonly loss$: Observable<BusLoss>;
  readonly counters: BusCounters;

  /**
   * Begins to connect, and goes on trying until `close`. `receive` gets what other servers publish, and must
   * not throw. Does not wait for a connection.
   *
   * @throws InvalidOptionsError (as a rejection) when a user's own Redis client cannot serve
   */
  start(receive: RecordReceiver): Promise<void>;
  /** Resolves with true once the status is `ready` (or `degraded`), with false after `timeoutMs` or when closed. */
  whenReady(timeoutMs: number): Promise<boolean>;
  /**
   * Publishes a record once on each of the channels; it counts as received where the first copy arrives.
   * Records of one tick for the same channels share a publish, and the promise of its outcome.
   *
   * @throws PublishRefusedError (as a rejection) when Redis certainly has not got it; any other rejection leaves the outcome unknown
   */
  publish(channels: readonly string[], record: Buffer): Promise<Accepted>;
  /** The pipes to Redis that a publish on these channels takes. The same pipe is the same object each time. */
  pipesOf(channels: readonly string[]): readonly Pipe[];
  /**
   * Wants a channel until `unwant`, through every outage.
   * Resolves when it is subscribed; rejects when that cannot be now, though the channel stays wanted.
   *
   * @throws NotSubscribedError (as a rejection)
   */
  want(channel: string): Promise<void>;
  unwant(channel: string): void;
  /**
   * Tells the other servers that this one has left, so none of them waits for it. It goes on to publish and to hear
   * until `close`. Waits for Redis for half a second at most.
   */
  sayGoodbye(): Promise<void>;
  /**
   * Says goodbye if that was not done, and closes the links. Takes a second and a half at most, whatever state
   * Redis is in; whatever is still waiting for Redis then is rejected. Idempotent.
   */
  close(): Promise<void>;
}

/** Converts times of {@link Clock.now} to the system time. */
export interface TimeOfDay {
  /** The earliest that it may have been, where the clock has been set since then. */
  earliest(time: number): number;
  /** For a moment that has just been. */
  recent(time: number): number;
}

/** A first-in, first-out way to the other servers: one for a whole farm, or one for each partition of a cluster. */
export interface Pipe {
  /** Whether a publish can leave now, and this server has listened without a break for so long. */
  isOpenFor(ms: number): boolean;
}

export type RecordReceiver = (origin: string, kind: number, body: Buffer) => void;

/** The other servers, as far as this one knows. */
export interface PeerView {
  readonly alive: ReadonlySet<string>;
  /** Whether a server can do this, as its heartbeats say; one that was not heard can what the first release could. */
  can(serverId: string, capability: number): boolean;
  /** Servers that fell silent within the last minute, and said no goodbye. */
  readonly silent: ReadonlySet<string>;
  /**
   * Resolves once this server has listened without a break for so long, or when the bus closes. During an outage that
   * may be never, so a caller that stops waiting earlier aborts the signal, which resolves the promise too.
   */
  whenHeardFor(ms: number, signal?: AbortSignal): Promise<void>;
  /** A server said goodbye, or was silent for longer than the dead-server timeout. */
  readonly lost$: Observable<string>;
}

/** Redis was lost: told once per outage. */
export interface ConnectionFailure {
  readonly link: RedisRole;
  readonly cause: Error;
}

/** This server has heard itself through Redis again. */
export interface ConnectionRestoration {
  /** Milliseconds from the failure to the echo. */
  readonly downMs: number;
  /** How many channels were resubscribed. */
  readonly channelsRestored: number;
}

/** Messages that this server may not have heard. */
export interface BusLoss {
  readonly channels: readonly string[] | 'all';
  /** The server whose messages they are; `undefined` for all. */
  readonly origin?: string;
  /** When they were emitted, as {@link Clock.now} counts. */
  readonly from: number;
  readonly to: number;
  /** `known`: a message was missed; `possible`: whatever was published then was. */
  readonly certainty: 'known' | 'possible';
}

export interface BusCounters {
  /** Envelopes handed to Redis. */
  readonly published: number;
  /** Envelopes of other servers that were read. */
  readonly received: number;
  /** Further copies of an envelope read already, and envelopes older than one read already. */
  readonly duplicates: number;
  /** Messages on our channels that are no envelopes, or damaged ones. */
  readonly malformed: number;
  /** Envelopes of a major version that this release does not read. */
  readonly unknownVersion: number;
}
