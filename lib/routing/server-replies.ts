import type { Subscription } from 'rxjs';
import type { PeerView } from '../bus/bus.js';
import { Deferred } from '../bus/deferred.js';

/** Listening for two heartbeats is enough to know that a server that was not heard is not there. */
const ABSENT_AFTER_MS = 2000;

/**
 * Waits for one reply of each of several servers, and for none that cannot come: of a server that is not
 * there, or that dies meanwhile.
 */
export class ServerReplies<Reply> {
  readonly replies = new Map<string, Reply>();
  /** Servers that died while their reply was awaited. */
  readonly lost: string[] = [];
  /** Servers that were not there at all. */
  readonly absent: string[] = [];
  /** Servers that are there and do not know this kind of request. */
  readonly unable: string[] = [];
  private readonly awaited = new Set<string>();
  private readonly finished = new Deferred();
  private readonly subscription: Subscription;
  /** Servers that may not be there. */
  private doubted: string[] = [];
  private complete = false;
  private ended = false;
  /** Ends what waits for this server to have listened for long enough. Made when something does. */
  private waits: AbortController | undefined;

  constructor(
    private readonly peers: PeerView,
    /** The servers that are asked, where that is known; others that reply are not listened to. `undefined`: the whole farm. */
    private readonly only?: ReadonlySet<string>,
  ) {
    this.subscription = peers.lost$.subscribe((server) => this.give(server, this.lost));
  }

  /** Settles when nothing is awaited any more, but not before `expectNoMore`. */
  get done(): Promise<void> {
    return this.finished.promise;
  }

  get outstanding(): string[] {
    return [...this.awaited];
  }

  expect(server: string): void {
    if (this.ended) return;
    if (this.replies.has(server) || this.awaited.has(server) || this.lost.includes(server)) return;
    this.awaited.add(server);
    if (this.peers.alive.has(server)) return;
    this.doubted.push(server);
    if (this.doubted.length === 1) void this.whenHeardFor(ABSENT_AFTER_MS).then(() => this.giveUpAbsent());
  }

  /** Resolves once this server has listened for so long, or when nothing is waited for any more. */
  whenHeardFor(ms: number): Promise<void> {
    this.waits ??= new AbortController();
    if (this.ended) this.waits.abort();
    return this.peers.whenHeardFor(ms, this.waits.signal);
  }

  /** Whether this server is one of those that are asked: a reply of another one must not keep the caller waiting. */
  concerns(server: string): boolean {
    return this.only?.has(server) ?? true;
  }

  /** This server has begun to reply, so it is there. */
  hold(server: string): void {
    if (this.concerns(server) && !this.replies.has(server)) this.awaited.add(server);
  }

  expectNoMore(): void {
    this.complete = true;
    this.settle();
  }

  reply(server: string, reply: Reply): void {
    if (!this.concerns(server)) return;
    this.replies.set(server, reply);
    this.awaited.delete(server);
    this.settle();
  }

  /** Nothing is waited for any more, whatever is outstanding. `done` rejects with the error, if there is one. */
  end(error?: Error): void {
    this.ended = true;
    this.waits?.abort();
    this.subscription.unsubscribe();
    if (!error) return this.finished.resolve();
    // The caller may not await the promise yet, and must still get the rejection.
    this.finished.promise.catch(() => undefined);
    this.finished.reject(error);
  }

  private giveUpAbsent(): void {
    const { doubted } = this;
    this.doubted = [];
    if (this.ended) return;
    for (const server of doubted) if (!this.peers.alive.has(server)) this.give(server, this.absent);
  }

  private give(server: string, where: string[]): void {
    if (!this.awaited.delete(server)) return;
    where.push(server);
    this.settle();
  }

  private settle(): void {
    if (this.complete && this.awaited.size === 0) this.end();
  }
}
