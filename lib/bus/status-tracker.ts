import { BehaviorSubject, type Observable } from 'rxjs';
import { type BackplaneStatus, decideStatus, sameStatus, type StatusFacts } from './status.js';
import type { LinkRole } from './transport.js';

/** Collects the facts that the status depends on, and publishes the status whenever it changes. */
export class StatusTracker {
  private readonly subject = new BehaviorSubject<BackplaneStatus>({ state: 'connecting' });
  private readonly linksUp = new Set<LinkRole>();
  private current: StatusFacts = {
    closed: false,
    linksUp: false,
    retry: undefined,
    subscribed: false,
    echoed: false,
    denied: { count: 0, first: undefined },
  };

  /** Replays the current status. */
  readonly status$: Observable<BackplaneStatus> = this.subject.asObservable();

  get status(): BackplaneStatus {
    return this.subject.value;
  }

  get facts(): StatusFacts {
    return this.current;
  }

  linkUp(link: LinkRole): void {
    this.linksUp.add(link);
    const linksUp = this.linksUp.size === 2;
    this.update({ linksUp, retry: linksUp ? undefined : this.current.retry });
  }

  /** Without both links nothing is proved. What is subscribed stays subscribed while the subscriber link is up. */
  linkDown(link: LinkRole): void {
    this.linksUp.delete(link);
    const subscribed = this.current.subscribed && link !== 'subscriber';
    this.update({ linksUp: false, echoed: false, subscribed, retry: { attempt: 1, nextDelayMs: 0 } });
  }

  update(change: Partial<StatusFacts>): void {
    this.current = { ...this.current, ...change };
    const status = decideStatus(this.current);
    if (!sameStatus(status, this.status)) this.subject.next(status);
  }

  /** Completes `status$`. */
  close(): void {
    this.subject.complete();
  }
}
