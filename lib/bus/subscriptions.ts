import { NotSubscribedError } from './bus.errors.js';
import { Deferred } from './deferred.js';
import { SubscriptionRefusedError, type Transport } from './transport.js';

/** Channels in one SUBSCRIBE: a Redis that reads a long command serves nobody else meanwhile. */
const BATCH = 512;

interface Wanted {
  state: 'idle' | 'pending' | 'subscribed' | 'denied';
  /** Settles with the subscription under way; `undefined` where none is. */
  pending: Deferred | undefined;
  /** Redis has refused it since it was last subscribed. */
  refused: boolean;
  /** Since when nothing of it is heard, though it was subscribed once and is wanted still. */
  deafSince: number | undefined;
}

export interface SubscriptionEvents {
  /** Redis refuses the channel. */
  denied(channel: string, cause: Error): void;
  /** A channel that was subscribed once, and then refused, is subscribed again. */
  granted(channel: string, deafSince: number): void;
}

/** What one command asks for: settled only while the entry is still the one that asked. */
type Request = readonly [channel: string, entry: Wanted];

/**
 * The channels that shall be subscribed, and what is known of each. Wishes of one tick share commands;
 * commands leave in the order of the wishes, so the last wish for a channel is what Redis ends with.
 */
export class Subscriptions {
  private readonly wanted = new Map<string, Wanted>();
  private readonly joining = new Map<string, Wanted>();
  private readonly leaving = new Set<string>();
  /** What Redis may have subscribed for this link. */
  private readonly held = new Set<string>();
  private scheduled = false;
  private linkUp = false;
  /** Counts the links: what a command of an earlier one says is void. */
  private generation = 0;

  constructor(
    private readonly transport: Pick<Transport, 'subscribe' | 'unsubscribe'>,
    private readonly events: SubscriptionEvents,
  ) {}

  get size(): number {
    return this.wanted.size;
  }

  /** Also while it is asked for again: until Redis grants it. */
  get denied(): string[] {
    return [...this.wanted].filter(([, { refused }]) => refused).map(([channel]) => channel);
  }

  async want(channel: string): Promise<void> {
    let entry = this.wanted.get(channel);
    if (entry?.state === 'subscribed') return;
    if (!entry)
      this.wanted.set(
        channel,
        (entry = { state: 'idle', pending: undefined, deafSince: undefined, refused: false }),
      );
    if (entry.pending) return entry.pending.promise;
    if (!this.linkUp) throw new NotSubscribedError(channel);
    return this.request(channel, entry);
  }

  unwant(channel: string): void {
    const entry = this.wanted.get(channel);
    if (!entry) return;
    this.wanted.delete(channel);
    // Whoever still waits wanted it when it was asked for; what it wants now is settled.
    entry.pending?.resolve();
    this.joining.delete(channel);
    if (!this.held.has(channel)) return;
    this.leaving.add(channel);
    this.schedule();
  }

  /** The subscriber link is new, and Redis knows no channel of it: resolves when all are subscribed or refused, with their number. */
  async restore(): Promise<number> {
    this.linkUp = true;
    this.generation++;
    const outcomes = [...this.wanted].map(([channel, entry]) => this.request(channel, entry));
    await Promise.allSettled(outcomes);
    return outcomes.length;
  }

  /** Asks again for what was refused: a permission may have been granted meanwhile. */
  retryDenied(): void {
    if (!this.linkUp) return;
    for (const [channel, entry] of this.wanted)
      if (entry.state === 'denied') void this.request(channel, entry);
  }

  /** The subscriber link is gone: nobody waits for it, and nothing is subscribed. */
  linkLost(cause: Error, heardUntil: number): void {
    this.linkUp = false;
    this.generation++;
    this.joining.clear();
    this.leaving.clear();
    this.held.clear();
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
    // Whoever awaits the wish gets the rejection; a restoration has nobody who does.
    pending.promise.catch(() => undefined);
    this.leaving.delete(channel);
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
    // A lost UNSUBSCRIBE is a lost link, and with it the subscription.
    for (const batch of batches(leaving)) this.transport.unsubscribe(batch).catch(() => undefined);
    for (const batch of batches(joining)) void this.subscribe(batch, this.generation);
  }

  /** Never rejects. A refused batch is split, until each refusal is known to be that of one channel. */
  private async subscribe(requests: Request[], generation: number): Promise<void> {
    try {
      await this.transport.subscribe(requests.map(([channel]) => channel));
      for (const request of requests) this.settle(request, generation, 'subscribed');
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(String(error));
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
  }

  private isCurrent([channel, entry]: Request, generation: number): boolean {
    return generation === this.generation && this.wanted.get(channel) === entry;
  }

  private settle([channel, entry]: Request, generation: number, state: Wanted['state'], cause?: Error): void {
    if (!this.isCurrent([channel, entry], generation)) return;
    const { pending, deafSince, refused } = entry;
    entry.state = state;
    entry.pending = undefined;
    if (!cause) {
      entry.deafSince = undefined;
      entry.refused = false;
      if (refused && deafSince !== undefined) this.events.granted(channel, deafSince);
      return pending?.resolve();
    }
    pending?.reject(new NotSubscribedError(channel, { cause }));
    if (state !== 'denied' || refused) return;
    entry.refused = true;
    this.events.denied(channel, cause);
  }
}

function batches<T>(items: readonly T[]): T[][] {
  const result: T[][] = [];
  for (let start = 0; start < items.length; start += BATCH) result.push(items.slice(start, start + BATCH));
  return result;
}
