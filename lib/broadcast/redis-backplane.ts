import { merge, type Observable } from 'rxjs';
import type { Bus, BusCounters, ConnectionFailure, ConnectionRestoration } from '../bus/bus.js';
import type { BackplaneError } from '../bus/bus.errors.js';
import type { BackplaneStatus } from '../bus/status.js';
import type { Router } from '../routing/router.js';

/** How this server stands with the other servers. Its observables complete when the app shuts down. */
export class RedisBackplane {
  /** The status, at once and at each change. */
  readonly status$: Observable<BackplaneStatus>;
  /** Redis was lost: once per outage. */
  readonly connectionFailed$: Observable<ConnectionFailure>;
  /** This server has heard itself through Redis again: once per outage. */
  readonly connectionRestored$: Observable<ConnectionRestoration>;
  /** What went wrong and was dealt with: failed publishes, dropped messages, refused subscriptions. */
  readonly errors$: Observable<BackplaneError>;

  /** @internal */
  constructor(
    private readonly bus: Bus,
    router: Router,
  ) {
    this.status$ = bus.status$;
    this.connectionFailed$ = bus.connectionFailed$;
    this.connectionRestored$ = bus.connectionRestored$;
    this.errors$ = merge(bus.errors$, router.errors$);
  }

  get status(): BackplaneStatus {
    return this.bus.status;
  }

  /** This server's id, new at each start: the part of its connections' ids before the dot. */
  get serverId(): string {
    return this.bus.serverId;
  }

  /** What was counted since the start: a snapshot. */
  get counters(): BusCounters {
    return this.bus.counters;
  }
}
