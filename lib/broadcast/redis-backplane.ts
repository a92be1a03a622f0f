import { map, merge, mergeMap, type Observable, Subject } from 'rxjs';
import type { Bus, BusCounters, ConnectionFailure, ConnectionRestoration } from '../bus/bus.js';
import { ReportedError } from '../bus/bus.errors.js';
import type { BackplaneStatus } from '../bus/status.js';
import type { OccupancyEvent } from '../presence/occupancy.js';
import type { ServerChange, ServerInfo } from '../presence/server-info.js';
import type { ServerRegistry } from '../presence/server-registry.js';
import { messageOf } from '../protocol/thrown.js';
import type { Router } from '../routing/router.js';
import type { BroadcastContext } from './broadcast-context.js';
import type { EdgeCounters } from './edge-counters.js';
import { GuardedObservable } from './guarded-observable.js';
import type { BackplaneHealth } from './health.js';
import type { LimitedLog } from './limited-log.js';
import { type Loss, toLoss } from './loss.js';
import { oncePerTurn, type TurnLimit } from './once-per-turn.js';

/** More errors than this in one turn of the event loop are of no use to a listener, and could exhaust the memory. */
const ERRORS_PER_TURN: TurnLimit<ReportedError> = {
  max: 1000,
  dropped: (count) =>
    new ReportedError('publish', `${count} more errors occurred in the same turn of the event loop.`),
};

/** What this server has counted since the app started. */
export type BackplaneCounters = Readonly<
  BusCounters &
    EdgeCounters & {
      /** Messages that a connection did not receive because its client protocol cannot carry the data; counts each connection. */
      undeliverable: number;
      /** Replies of other servers to queries such as `count` that could not be read. */
      malformedReplies: number;
    }
>;

/**
 * The state of this server's connection to the other servers: status, health, losses, errors and counters, and who they are. The observables
 * complete when the app shuts down. If a callback passed to `subscribe` throws, the error is reported on `errors$`, and
 * the other listeners are not affected.
 */
export class RedisBackplane {
  /** Emits the current status when subscribed, and then every change. */
  readonly status$: Observable<BackplaneStatus>;
  /** Emits once per outage, when the connection to Redis is lost. */
  readonly connectionFailed$: Observable<ConnectionFailure>;
  /** Emits once per outage, when this server receives its own messages through Redis again. */
  readonly connectionRestored$: Observable<ConnectionRestoration>;
  /** Emits messages that clients of this server may have missed. Emits nothing in normal operation. */
  readonly loss$: Observable<Loss>;
  /**
   * Emits failures that the backplane has handled: refused connections and subscriptions, failed publishes, dropped
   * messages, listeners that throw.
   */
  readonly errors$: Observable<ReportedError>;
  /** Emits when another server joins the farm, leaves it, or returns to it. `servers` has those that are there already. */
  readonly servers$: Observable<ServerChange>;

  /**
   * Emits when a group gets its first member on any server, for the groups that the option `presence.occupancy` selects.
   * When subscribed, emits those that are occupied already. `mine` is true on one live server. If that one dies, another
   * server gets the event again with `mine: true`. During a partition each part of the farm has such a server, and may
   * keep it afterwards, so `mine` is true at least once: recognize repetitions by the event's `id`.
   */
  readonly occupied$: Observable<OccupancyEvent>;
  /**
   * Emits when the last member of such a group has left (after `presence.grace` if its connection closed). `mine` is true
   * on the server that acted for the group, or on another one if that died.
   */
  readonly vacated$: Observable<OccupancyEvent>;

  private readonly listenerErrors = new Subject<ReportedError>();
  private isClosed = false;

  /** @internal */
  constructor(
    private readonly bus: Bus,
    private readonly router: Router,
    private readonly registry: ServerRegistry,
    context: BroadcastContext,
    private readonly edgeCounters: EdgeCounters,
    /** Has a rate limit, because a listener that throws may do so for every value. */
    private readonly log: LimitedLog,
  ) {
    const missed$ = bus.loss$.pipe(mergeMap((loss) => router.concerned(loss)));
    // Once per turn, because a listener may emit undeliverable data and so cause the next loss.
    const losses$ = merge(missed$, oncePerTurn(router.undeliverable.losses$)).pipe(
      map((loss) => toLoss(loss, context, bus.timeOfDay)),
    );
    this.status$ = this.guarded(bus.status$);
    this.connectionFailed$ = this.guarded(bus.connectionFailed$);
    this.connectionRestored$ = this.guarded(bus.connectionRestored$);
    this.loss$ = this.guarded(losses$);
    this.occupied$ = this.guarded(context.presence.occupancy.occupied$);
    this.vacated$ = this.guarded(context.presence.occupancy.vacated$);
    this.servers$ = this.guarded(registry.changes$);
    // An error from a listener of errors$ is only logged: reported on errors$, it would reach the same listener again.
    const errors$ = oncePerTurn(merge(bus.errors$, router.errors$, this.listenerErrors), ERRORS_PER_TURN);
    this.errors$ = new GuardedObservable(errors$, (error) => this.logThrown(error));
  }

  /** The current status. */
  get status(): BackplaneStatus {
    return this.bus.status;
  }

  /** This server's id. New at each start, and the part before the dot in the ids of its connections. */
  get serverId(): string {
    return this.bus.serverId;
  }

  /**
   * A snapshot of the servers of the farm: this one and those it hears, sorted by id. Needs no request, because each server
   * describes itself to the others every 5 seconds.
   */
  get servers(): ServerInfo[] {
    return this.registry.servers;
  }

  /** A snapshot of the counters. */
  get counters(): BackplaneCounters {
    const { undeliverable, queries } = this.router;
    return {
      ...this.bus.counters,
      ...this.edgeCounters,
      undeliverable: undeliverable.count,
      malformedReplies: queries.malformedReplies,
    };
  }

  /**
   * Whether a load balancer should send clients to this server. Up from the end of bootstrap until the shutdown begins. It
   * stays up while Redis is down, because otherwise all servers would leave the balancer at once, although each can still
   * serve its own clients.
   */
  readiness(): BackplaneHealth {
    return this.health(this.registry.isReady ? undefined : 'the app is starting or shutting down');
  }

  /**
   * Whether messages are proven to get through. Up while this server receives its own messages through Redis, and hears at
   * least one other server if there are any. It is also down for a minute after the only other server died without a
   * goodbye, because that looks the same as being connected to the wrong Redis node.
   */
  delivery(): BackplaneHealth {
    const { status, bus } = this;
    if (status.state === 'degraded') return this.health(status.reason);
    if (status.state !== 'ready') return this.health(`the backplane is ${status.state}`);
    const { alive, silent } = bus.peers;
    const isAlone = alive.size === 0 && silent.size > 0;
    const reason = `no other server is heard; ${silent.size} timed out within the last minute`;
    return this.health(isAlone ? reason : undefined);
  }

  /** @internal */
  setRunning(running: boolean): void {
    this.registry.isReady = running;
  }

  /** @internal */
  close(): void {
    this.isClosed = true;
    this.listenerErrors.complete();
  }

  private health(reason: string | undefined): BackplaneHealth {
    return {
      up: reason === undefined,
      reason,
      status: this.status.state,
      servers: this.bus.peers.alive.size,
    };
  }

  private guarded<T>(source: Observable<T>): Observable<T> {
    return new GuardedObservable(source, (cause) => {
      // A listener may also subscribe and throw after the app has closed. By then errors$ is complete.
      if (this.isClosed) return this.logThrown(cause);
      const message = `A listener threw: ${messageOf(cause)}`;
      this.listenerErrors.next(new ReportedError('listener', message, { cause }));
    });
  }

  private logThrown(error: unknown): void {
    this.log.error('listener', 'A listener threw', error);
  }
}
