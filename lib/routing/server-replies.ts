import type { Subscription } from 'rxjs';
import type { PeerView } from '../bus/bus.js';
import { Deferred } from '../bus/deferred.js';

/** A server that was not heard within two heartbeats counts as absent. */
const ABSENT_AFTER_MS = 2000;

/**
 * Waits for one reply from each of several servers. Stops waiting for a server that is absent or dies.
 */
export class ServerReplies<Reply> {
  readonly replies = new Map<string, Reply>();
  /** Servers that died while their reply was awaited. */
  readonly lost: string[] = [];
  /** Servers that were never heard. */
  readonly absent: string[] = [];
  /** Live servers of an older release that do not know this kind of request. */
  readonly unable = new Set<string>();
  private readonly awaited = new Set<string>();
  private readonly finished = new Deferred();
  private readonly subscription: Subscription;
  /** Awaited servers that have not been heard yet. */
  private unheard: string[] = [];
  private complete = false;
  private ended = false;
  /** Aborts the calls of `whenHeardFor`. Created with the first one. */
  private waits: AbortController | undefined;

  constructor(
    private readonly peers: PeerView,
    /** The servers concerned; replies from others are ignored. `undefined` for the whole farm. */
    private readonly only?: ReadonlySet<string>,
  ) {
    this.subscription = peers.lost$.subscribe((server) => this.stopWaitingFor(server, this.lost));
  }

  /** Settles when no reply is outstanding, but not before `expectNoMore`. */
  get done(): Promise<void> {
    return this.finished.promise;
  }

  get outstanding(): string[] {
    return [...this.awaited];
  }

  expect(server: string): void {
    if (this.ended) return;
    if (this.replies.has(server) || this.awaited.has(server) || this.lost.includes(server)) return;
    if (this.unable.has(server)) return;
    this.awaited.add(server);
    if (this.peers.alive.has(server)) return;
    this.unheard.push(server);
    if (this.unheard.length === 1)
      void this.whenHeardFor(ABSENT_AFTER_MS).then(() => this.stopWaitingForAbsent());
  }

  /** Resolves once this server has heard everything for `ms` milliseconds, or on `end`. */
  whenHeardFor(ms: number): Promise<void> {
    this.waits ??= new AbortController();
    if (this.ended) this.waits.abort();
    return this.peers.whenHeardFor(ms, this.waits.signal);
  }

  /** Whether the request concerns this server. A reply from any other server must not keep the caller waiting. */
  concerns(server: string): boolean {
    return this.only?.has(server) ?? true;
  }

  /** Awaits a server that has begun to reply. */
  hold(server: string): void {
    if (this.concerns(server) && !this.replies.has(server) && !this.unable.has(server))
      this.awaited.add(server);
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

  /** The server says that it cannot reply to this request. */
  refuse(server: string): void {
    this.unable.add(server);
    this.awaited.delete(server);
    this.settle();
  }

  /** Stops waiting for outstanding replies. `done` rejects with the error if there is one, and resolves otherwise. */
  end(error?: Error): void {
    this.ended = true;
    this.waits?.abort();
    this.subscription.unsubscribe();
    if (!error) return this.finished.resolve();
    // The caller may not await the promise yet, and must still get the rejection.
    this.finished.promise.catch(() => undefined);
    this.finished.reject(error);
  }

  private stopWaitingForAbsent(): void {
    const { unheard } = this;
    this.unheard = [];
    if (this.ended) return;
    for (const server of unheard) if (!this.peers.alive.has(server)) this.stopWaitingFor(server, this.absent);
  }

  private stopWaitingFor(server: string, list: string[]): void {
    if (!this.awaited.delete(server)) return;
    list.push(server);
    this.settle();
  }

  private settle(): void {
    if (this.complete && this.awaited.size === 0) this.end();
  }
}
