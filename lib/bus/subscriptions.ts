import { toError } from '../protocol/thrown.js';
import { batches } from './batches.js';
import { NotSubscribedError } from './bus.errors.js';
import { CommandsUnderWay } from './commands-under-way.js';
import { Deferred } from './deferred.js';
import { RefusedChannels } from './refused-channels.js';
import { type SubscriptionEvents, SubscriptionNews } from './subscription-news.js';
import { SubscriptionRefusedError, type Transport } from './transport.js';

/** An UNSUBSCRIBE that Redis refused is tried again after this time. What it keeps costs bandwidth, and nothing else. */
const LEAVE_AGAIN_MS = 10_000;

/** News waits until all that is under way is known, but no longer than this. */
const TELL_AT_LAST_MS = 1000;

/** A channel that is wanted, and what is known of its subscription. */
export interface Wanted {
  state: 'idle' | 'pending' | 'subscribed' | 'denied';
  /** Settles with the subscription under way; `undefined` where none is. */
  pending: Deferred | undefined;
  /** Since when nothing of it is heard, though it is wanted; `undefined` while it is subscribed. */
  deafSince: number | undefined;
  /** Until when it is proved that its messages arrive. */
  provedAt: number;
  /** The audit has found that its subscription was gone. */
  wasLost: boolean;
}

/** What one command asks for: settled only while the entry is still the one that asked. */
type Request = readonly [channel: string, entry: Wanted];

/**
 * The channels that are wanted, and what is known of each. Wishes of one tick share commands; commands leave in the
 * order of the wishes, so the last wish for a channel is what Redis ends with.
 */
export class Subscriptions {
  private readonly wanted = new Map<string, Wanted>();
  private readonly joining = new Map<string, Wanted>();
  private readonly leaving = new Set<string>();
  /** What Redis may have subscribed for this link. */
  private readonly held = new Set<string>();
  /** What Redis has refused to unsubscribe. */
  private readonly unleft = new Set<string>();
  private leaveAgainAt = Infinity;
  private readonly refused = new RefusedChannels();
  private readonly underWay: CommandsUnderWay;
  private readonly news: SubscriptionNews;
  /** The channels of this round of the audit that have not had their turn. */
  private round: string[] = [];
  private scheduled = false;
  private telling = false;
  private retrying = false;
  private linkUp = false;
  /** Counts the links: what a command of an earlier one says is void. */
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

  /** How many channels Redis refuses, and one of them: also while they are asked for again, until Redis grants them. */
  get denied(): { readonly count: number; readonly first: string | undefined } {
    return { count: this.refused.size, first: this.refused.first };
  }

  /** For how long Redis has not answered the oldest SUBSCRIBE or UNSUBSCRIBE, in milliseconds. */
  get unansweredMs(): number {
    return this.underWay.waitingMs;
  }

  async want(channel: string): Promise<void> {
    let entry = this.wanted.get(channel);
    if (entry?.state === 'subscribed') return;
    if (!entry) this.wanted.set(channel, (entry = wantedSince(this.now())));
    if (entry.pending) return entry.pending.promise;
    if (!this.linkUp) throw new NotSubscribedError(channel);
    return this.request(channel, entry);
  }

  unwant(channel: string): void {
    const entry = this.wanted.get(channel);
    if (!entry) return;
    this.wanted.delete(channel);
    if (this.refused.has(channel)) {
      this.refused.delete(channel);
      this.news.changed();
    }
    // Callers that still wait wanted the channel when the command was sent. What is wanted now is settled separately.
    entry.pending?.resolve();
    this.joining.delete(channel);
    if (!this.held.has(channel)) return;
    this.leaving.add(channel);
    this.schedule();
  }

  /**
   * The subscriber link is new, and Redis knows no channel of it.
   *
   * @returns the number of channels, when all are subscribed or refused; `undefined` where the link was lost before that
   */
  async restore(): Promise<number | undefined> {
    this.linkUp = true;
    const generation = ++this.generation;
    const outcomes = [...this.wanted].map(([channel, entry]) => this.request(channel, entry));
    await Promise.allSettled(outcomes);
    return generation === this.generation ? outcomes.length : undefined;
  }

  /** Called a few times a second. @param lateMs for how long this process stood still before */
  look(lateMs: number): void {
    this.underWay.excuse(lateMs);
    if (!this.linkUp) return;
    if (this.news.waitingMs > TELL_AT_LAST_MS) this.news.tell();
    void this.retryRefused();
    if (this.now() >= this.leaveAgainAt) this.leaveAgain();
  }

  /** The next subscribed channels in turn, each once in a round; fewer at the end of a round. */
  nextSubscribed(count: number): Request[] {
    if (this.round.length === 0) this.round = [...this.wanted.keys()];
    return this.round.splice(-count).flatMap((channel): Request[] => {
      const entry = this.wanted.get(channel);
      return entry?.state === 'subscribed' ? [[channel, entry]] : [];
    });
  }

  /** Nothing of this channel arrives, though Redis had confirmed the subscription: asks for it again. */
  lost(channel: string, entry: Wanted): boolean {
    if (!this.linkUp || this.wanted.get(channel) !== entry || entry.state !== 'subscribed') return false;
    entry.deafSince = entry.provedAt;
    entry.wasLost = true;
    void this.request(channel, entry);
    return true;
  }

  /** The subscriber link is gone: nobody waits for it, and nothing is subscribed. */
  linkLost(cause: Error, heardUntil: number): void {
    this.linkUp = false;
    this.generation++;
    this.joining.clear();
    this.leaving.clear();
    this.held.clear();
    this.unleft.clear();
    this.leaveAgainAt = Infinity;
    this.underWay.clear();
    for (const [channel, entry] of this.wanted) {
      if (entry.state === 'subscribed') entry.deafSince ??= heardUntil;
      entry.state = 'idle';
      entry.pending?.reject(new NotSubscribedError(channel, { cause }));
      entry.pending = undefined;
    }
  }

  private request(channel: string, entry: Wanted): Promise<void> {
    const pending = new Deferred();
    entry.state = 'pending';
    entry.pending = pending;
    // The caller of `want` gets the rejection; nobody awaits a restoration.
    pending.promise.catch(() => undefined);
    this.leaving.delete(channel);
    this.unleft.delete(channel);
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

  /** Never rejects. A lost UNSUBSCRIBE is a lost link, and with it the subscription. */
  private async unsubscribe(channels: string[]): Promise<void> {
    try {
      await this.underWay.add(this.transport.unsubscribe(channels));
      for (const channel of channels) this.unleft.delete(channel);
    } catch (error) {
      if (!(error instanceof SubscriptionRefusedError) || !this.linkUp) return;
      const isNews = this.unleft.size === 0;
      for (const channel of channels) if (!this.held.has(channel)) this.unleft.add(channel);
      this.leaveAgainAt = this.now() + LEAVE_AGAIN_MS;
      if (isNews) this.events.leaveDenied(channels, error);
    }
  }

  private leaveAgain(): void {
    this.leaveAgainAt = Infinity;
    for (const batch of batches([...this.unleft])) void this.unsubscribe(batch);
  }

  /** A permission may have been granted meanwhile. */
  private async retryRefused(): Promise<void> {
    if (this.retrying) return;
    const due = this.refused.due(this.now()).flatMap((channel): Request[] => {
      const entry = this.wanted.get(channel);
      return entry?.state === 'denied' ? [[channel, entry]] : [];
    });
    if (due.length === 0) return;
    this.retrying = true;
    await Promise.allSettled(due.map(([channel, entry]) => this.request(channel, entry)));
    this.retrying = false;
    const hasGranted = due.some(([, { state }]) => state === 'subscribed');
    this.refused.tried(hasGranted, this.now());
    if (hasGranted && this.linkUp) void this.retryRefused();
  }

  /** Never rejects. A refused batch is split, until each refusal is known to be that of one channel. */
  private async subscribe(requests: Request[], generation: number): Promise<void> {
    try {
      await this.underWay.add(this.transport.subscribe(requests.map(([channel]) => channel)));
      for (const request of requests) this.settle(request, generation, 'subscribed');
    } catch (error) {
      const cause = toError(error);
      const refused = cause instanceof SubscriptionRefusedError;
      if (refused && requests.length > 1) {
        // What is unwanted by now must not be subscribed again.
        const current = requests.filter((request) => this.isCurrent(request, generation));
        const middle = Math.ceil(current.length / 2);
        const halves = [current.slice(0, middle), current.slice(middle)].filter(({ length }) => length > 0);
        await Promise.all(halves.map((half) => this.subscribe(half, generation)));
      } else {
        for (const request of requests) this.settle(request, generation, refused ? 'denied' : 'idle', cause);
      }
    }
    this.tellSoon();
  }

  /** Once all that is under way is known, so that one report names all channels. */
  private tellSoon(): void {
    if (this.telling || this.news.isEmpty) return;
    this.telling = true;
    setImmediate(() => {
      this.telling = false;
      if (this.underWay.size === 0 && !this.scheduled) this.news.tell();
    });
  }

  private isCurrent([channel, entry]: Request, generation: number): boolean {
    return generation === this.generation && this.wanted.get(channel) === entry;
  }

  private settle(request: Request, generation: number, state: Wanted['state'], cause?: Error): void {
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

function wantedSince(now: number): Wanted {
  return { state: 'idle', pending: undefined, deafSince: now, provedAt: now, wasLost: false };
}
