import { toError } from '../protocol/thrown.js';
import { batches } from './batches.js';
import type { Subscribed } from './bus.js';
import { NotSubscribedError } from './bus.errors.js';
import { CommandsUnderWay } from './commands-under-way.js';
import { Deferred } from './deferred.js';
import { RefusedChannels } from './refused-channels.js';
import { type SubscriptionEvents, SubscriptionNews } from './subscription-news.js';
import { SubscriptionRefusedError, type Transport } from './transport.js';
import { type Wanted, wantedSince } from './wanted.js';

/** The pause before a refused UNSUBSCRIBE is retried. Until then, the channel costs bandwidth and nothing else. */
const UNSUBSCRIBE_RETRY_MS = 10_000;

/** Reports wait until all commands in flight are answered, but no longer than this. */
const MAX_REPORT_DELAY_MS = 1000;

/** One channel of a SUBSCRIBE. Its result is ignored if the channel's entry has been replaced since. */
type WantedChannel = readonly [channel: string, entry: Wanted];

/**
 * Keeps the wanted channels subscribed. Calls in one tick share commands. Commands are sent in the order of the calls, so
 * the last call for a channel decides what Redis ends with.
 */
export class Subscriptions {
  private readonly wanted = new Map<string, Wanted>();
  private readonly joining = new Map<string, Wanted>();
  private readonly leaving = new Set<string>();
  /** The channels that may be subscribed on this link. */
  private readonly held = new Set<string>();
  /** The channels that Redis has refused to unsubscribe. */
  private readonly stillSubscribed = new Set<string>();
  private retryUnsubscribeAt = Infinity;
  private readonly refused = new RefusedChannels();
  private readonly underWay: CommandsUnderWay;
  private readonly news: SubscriptionNews;
  /** The channels that are still to be checked in this round of the audit. */
  private round: string[] = [];
  private scheduled = false;
  private reportScheduled = false;
  private retrying = false;
  private linkUp = false;
  /** The number of the current link. Results of commands on an earlier link are ignored. */
  private generation = 0;

  constructor(
    private readonly transport: Pick<Transport, 'subscribe' | 'unsubscribe'>,
    private readonly events: SubscriptionEvents,
    private readonly now: () => number,
  ) {
    this.underWay = new CommandsUnderWay(now);
    this.news = new SubscriptionNews(events, now);
  }

  get size(): number {
    return this.wanted.size;
  }

  /** How many channels Redis refuses, and one of them. Includes channels that are being retried. */
  get denied(): { readonly count: number; readonly first: string | undefined } {
    return { count: this.refused.size, first: this.refused.first };
  }

  /** How long the oldest SUBSCRIBE or UNSUBSCRIBE has been unanswered, in milliseconds. */
  get unansweredMs(): number {
    return this.underWay.waitingMs;
  }

  async want(channel: string): Promise<void> {
    let entry = this.wanted.get(channel);
    if (entry?.state === 'subscribed') return;
    if (!entry) this.wanted.set(channel, (entry = wantedSince(this.now())));
    if (entry.pending) return entry.pending.promise;
    if (!this.linkUp) throw new NotSubscribedError(channel);
    return this.enqueue(channel, entry);
  }

  hearingOf(channel: string): Subscribed {
    const entry = this.wanted.get(channel);
    const isHeard = entry?.state === 'subscribed';
    return { isHeard, isRefused: this.refused.has(channel), deafSince: entry?.deafSince };
  }

  unwant(channel: string): void {
    const entry = this.wanted.get(channel);
    if (!entry) return;
    this.wanted.delete(channel);
    if (this.refused.has(channel)) {
      this.refused.delete(channel);
      this.news.changed();
    }
    // Callers of `want` that still wait are done, because the channel is no longer wanted. A new `want` gets a new entry.
    entry.pending?.resolve();
    this.joining.delete(channel);
    if (!this.held.has(channel)) return;
    this.leaving.add(channel);
    this.schedule();
  }

  /**
   * Subscribes all wanted channels on a new subscriber link.
   *
   * @returns the number of channels, once all are subscribed or refused; `undefined` if the link was lost before that
   */
  async restore(): Promise<number | undefined> {
    this.linkUp = true;
    const generation = ++this.generation;
    const outcomes = [...this.wanted].map(([channel, entry]) => this.enqueue(channel, entry));
    await Promise.allSettled(outcomes);
    return generation === this.generation ? outcomes.length : undefined;
  }

  /** Called a few times a second. @param lateMs for how long this process was stalled before, in milliseconds */
  look(lateMs: number): void {
    this.underWay.excuse(lateMs);
    if (!this.linkUp) return;
    if (this.news.waitingMs > MAX_REPORT_DELAY_MS) this.news.report();
    void this.retryRefused();
    if (this.now() >= this.retryUnsubscribeAt) this.retryUnsubscribe();
  }

  /** The next subscribed channels to check. Each channel comes once per round; the last call of a round may return fewer. */
  nextSubscribed(count: number): WantedChannel[] {
    if (this.round.length === 0) this.round = [...this.wanted.keys()];
    return this.round.splice(-count).flatMap((channel): WantedChannel[] => {
      const entry = this.wanted.get(channel);
      return entry?.state === 'subscribed' ? [[channel, entry]] : [];
    });
  }

  /** Subscribes a channel again whose messages do not arrive although Redis had confirmed the subscription. */
  lost(channel: string, entry: Wanted): boolean {
    if (!this.linkUp || this.wanted.get(channel) !== entry || entry.state !== 'subscribed') return false;
    entry.deafSince = entry.provedAt;
    entry.wasLost = true;
    void this.enqueue(channel, entry);
    return true;
  }

  /** The subscriber link is down: rejects all pending calls and marks every channel as not subscribed. */
  linkLost(cause: Error, heardUntil: number): void {
    this.linkUp = false;
    this.generation++;
    this.joining.clear();
    this.leaving.clear();
    this.held.clear();
    this.stillSubscribed.clear();
    this.retryUnsubscribeAt = Infinity;
    this.underWay.clear();
    for (const [channel, entry] of this.wanted) {
      if (entry.state === 'subscribed') entry.deafSince ??= heardUntil;
      entry.state = 'idle';
      entry.pending?.reject(new NotSubscribedError(channel, { cause }));
      entry.pending = undefined;
    }
  }

  private enqueue(channel: string, entry: Wanted): Promise<void> {
    const pending = new Deferred();
    entry.state = 'pending';
    entry.pending = pending;
    // The caller of `want` gets the rejection. Nobody awaits a retry, so its rejection is handled here.
    pending.promise.catch(() => undefined);
    this.leaving.delete(channel);
    this.stillSubscribed.delete(channel);
    this.joining.set(channel, entry);
    this.schedule();
    return pending.promise;
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    process.nextTick(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    const leaving = [...this.leaving];
    const joining = [...this.joining];
    this.leaving.clear();
    this.joining.clear();
    for (const channel of leaving) this.held.delete(channel);
    for (const [channel] of joining) this.held.add(channel);
    for (const batch of batches(leaving)) void this.unsubscribe(batch);
    for (const batch of batches(joining)) void this.subscribe(batch, this.generation);
  }

  /** Never rejects. If the link fails, the subscription is gone anyway. */
  private async unsubscribe(channels: string[]): Promise<void> {
    try {
      await this.underWay.add(this.transport.unsubscribe(channels));
      for (const channel of channels) this.stillSubscribed.delete(channel);
    } catch (error) {
      if (!(error instanceof SubscriptionRefusedError) || !this.linkUp) return;
      const isFirst = this.stillSubscribed.size === 0;
      for (const channel of channels) if (!this.held.has(channel)) this.stillSubscribed.add(channel);
      this.retryUnsubscribeAt = this.now() + UNSUBSCRIBE_RETRY_MS;
      if (isFirst) this.events.leaveDenied(channels, error);
    }
  }

  private retryUnsubscribe(): void {
    this.retryUnsubscribeAt = Infinity;
    for (const batch of batches([...this.stillSubscribed])) void this.unsubscribe(batch);
  }

  /** Retries refused channels, because a permission may have been granted in the meantime. */
  private async retryRefused(): Promise<void> {
    if (this.retrying) return;
    const due = this.refused.due(this.now()).flatMap((channel): WantedChannel[] => {
      const entry = this.wanted.get(channel);
      return entry?.state === 'denied' ? [[channel, entry]] : [];
    });
    if (due.length === 0) return;
    this.retrying = true;
    await Promise.allSettled(due.map(([channel, entry]) => this.enqueue(channel, entry)));
    this.retrying = false;
    const hasGranted = due.some(([, { state }]) => state === 'subscribed');
    this.refused.tried(hasGranted, this.now());
    if (hasGranted && this.linkUp) void this.retryRefused();
  }

  /** Never rejects. Splits a refused batch in halves until every refused channel is found. */
  private async subscribe(requests: WantedChannel[], generation: number): Promise<void> {
    try {
      await this.underWay.add(this.transport.subscribe(requests.map(([channel]) => channel)));
      for (const request of requests) this.settle(request, generation, 'subscribed');
    } catch (error) {
      const cause = toError(error);
      const refused = cause instanceof SubscriptionRefusedError;
      if (refused && requests.length > 1) {
        // Channels that are no longer wanted must not be subscribed again.
        const current = requests.filter((request) => this.isCurrent(request, generation));
        const middle = Math.ceil(current.length / 2);
        const halves = [current.slice(0, middle), current.slice(middle)].filter(({ length }) => length > 0);
        await Promise.all(halves.map((half) => this.subscribe(half, generation)));
      } else {
        for (const request of requests) this.settle(request, generation, refused ? 'denied' : 'idle', cause);
      }
    }
    this.reportSoon();
  }

  /** Reports once all commands in flight are answered, so that one report names all channels. */
  private reportSoon(): void {
    if (this.reportScheduled || this.news.isEmpty) return;
    this.reportScheduled = true;
    setImmediate(() => {
      this.reportScheduled = false;
      if (this.underWay.size === 0 && !this.scheduled) this.news.report();
    });
  }

  private isCurrent([channel, entry]: WantedChannel, generation: number): boolean {
    return generation === this.generation && this.wanted.get(channel) === entry;
  }

  private settle(request: WantedChannel, generation: number, state: Wanted['state'], cause?: Error): void {
    if (!this.isCurrent(request, generation)) return;
    const [channel, entry] = request;
    const { pending } = entry;
    entry.state = state;
    entry.pending = undefined;
    if (!cause) {
      this.subscribed(channel, entry);
      return pending?.resolve();
    }
    pending?.reject(new NotSubscribedError(channel, { cause }));
    if (state !== 'denied' || this.refused.has(channel)) return;
    this.refused.add(channel, this.now());
    this.news.addDenied(channel, cause);
  }

  private subscribed(channel: string, entry: Wanted): void {
    const { deafSince, wasLost } = entry;
    entry.deafSince = undefined;
    entry.wasLost = false;
    entry.provedAt = this.now();
    if (this.refused.has(channel)) {
      this.refused.delete(channel);
      if (deafSince !== undefined) this.news.addGranted(channel, deafSince);
    } else if (wasLost && deafSince !== undefined) {
      this.news.addRepaired(channel, deafSince);
    }
  }
}
