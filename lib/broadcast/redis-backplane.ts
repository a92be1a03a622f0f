import { map, merge, mergeMap, type Observable, Subject } from 'rxjs';
import type { Bus, BusCounters, ConnectionFailure, ConnectionRestoration } from '../bus/bus.js';
import { ReportedError } from '../bus/bus.errors.js';
import type { BackplaneStatus } from '../bus/status.js';
import { messageOf } from '../protocol/thrown.js';
import type { Router } from '../routing/router.js';
import type { BroadcastContext } from './broadcast-context.js';
import type { EdgeCounters } from './edge-counters.js';
import { GuardedObservable } from './guarded-observable.js';
import type { BackplaneHealth } from './health.js';
import type { LimitedLog } from './limited-log.js';
import { type Loss, toLoss } from './loss.js';
import { oncePerTurn, type TurnLimit } from './once-per-turn.js';

/** A listener gets no use of more than so many errors in one turn of the event loop, and they would fill the memory. */
const ERRORS_PER_TURN: TurnLimit<ReportedError> = {
  max: 1000,
  dropped: (count) =>
    new ReportedError('publish', `${count} more errors came in the same turn of the event loop.`),
};

/** Everything that is counted, since the start of the process. */
export type BackplaneCounters = Readonly<
  BusCounters &
    EdgeCounters & {
      /** Connections that went without a message because their client protocol cannot carry its data. */
      undeliverable: number;
    }
>;

/**
 * How this server stands with the other servers. Its observables complete when the app shuts down. A callback
 * given to `subscribe` that throws is reported on `errors$`, and harms nobody.
 */
export class RedisBackplane {
  /** The status, at once and at each change. */
  readonly status$: Observable<BackplaneStatus>;
  /** Redis was lost: once per outage. */
  readonly connectionFailed$: Observable<ConnectionFailure>;
  /** This server has heard itself through Redis again: once per outage. */
  readonly connectionRestored$: Observable<ConnectionRestoration>;
  /** Messages that clients of this server may have missed. Silent while all is well. */
  readonly loss$: Observable<Loss>;
  /**
   * What went wrong and was dealt with: refused connections and subscriptions, failed publishes, dropped messages,
   * listeners that throw.
   */
  readonly errors$: Observable<ReportedError>;

  private readonly listenerErrors = new Subject<ReportedError>();
  private running = false;
  private closed = false;

  /** @internal */
  constructor(
    private readonly bus: Bus,
    private readonly router: Router,
    context: BroadcastContext,
    private readonly edgeCounters: EdgeCounters,
    /** A listener that throws would write a line for each value that it gets. */
    private readonly log: LimitedLog,
  ) {
    const missed$ = bus.loss$.pipe(mergeMap((loss) => router.concerned(loss)));
    // A listener that emits what cannot be delivered causes the next of these losses.
    const losses$ = merge(missed$, oncePerTurn(router.undeliverable.losses$)).pipe(
      map((loss) => toLoss(loss, context, bus.timeOfDay)),
    );
    this.status$ = this.guarded(bus.status$);
    this.connectionFailed$ = this.guarded(bus.connectionFailed$);
    this.connectionRestored$ = this.guarded(bus.connectionRestored$);
    this.loss$ = this.guarded(losses$);
    // A listener of errors$ that throws is not told to itself.
    const errors$ = oncePerTurn(merge(bus.errors$, router.errors$, this.listenerErrors), ERRORS_PER_TURN);
    this.errors$ = new GuardedObservable(errors$, (error) => this.logThrown(error));
  }

  get status(): BackplaneStatus {
    return this.bus.status;
  }

  /** This server's id, new at each start: the part of its connections' ids before the dot. */
  get serverId(): string {
    return this.bus.serverId;
  }

  /** What was counted since the start: a snapshot. */
  get counters(): BackplaneCounters {
    return { ...this.bus.counters, ...this.edgeCounters, undeliverable: this.router.undeliverable.count };
  }

  /**
   * Whether a balancer should send clients here: from the end of bootstrap to the beginning of the shutdown. It stays
   * up while Redis is down, or every server would be taken out although each can serve its own clients.
   */
  readiness(): BackplaneHealth {
    return this.health(this.running ? undefined : 'the app is starting or shutting down');
  }

  /**
   * Whether it is proved that messages get through: this server has heard itself through Redis, and it hears other
   * servers, or knows of none. It is down for a minute after the only other server died without a goodbye: from here
   * that looks like being on the wrong Redis node.
   */
  delivery(): BackplaneHealth {
    const { status, bus } = this;
    if (status.state === 'degraded') return this.health(status.reason);
    if (status.state !== 'ready') return this.health(`the backplane is ${status.state}`);
    const { alive, silent } = bus.peers;
    const alone = alive.size === 0 && silent.size > 0;
    return this.health(alone ? `none of the ${silent.size} other servers is heard any more` : undefined);
  }

  /** @internal */
  setRunning(running: boolean): void {
    this.running = running;
  }

  /** @internal */
  close(): void {
    this.closed = true;
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
      // Who subscribes after the app was closed may throw, too: nobody listens to errors$ then.
      if (this.closed) return this.logThrown(cause);
      const message = `A listener threw: ${messageOf(cause)}`;
      this.listenerErrors.next(new ReportedError('listener', message, { cause }));
    });
  }

  private logThrown(error: unknown): void {
    this.log.error('listener', 'A listener threw', error);
  }
}
