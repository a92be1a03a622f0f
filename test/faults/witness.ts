import type { INestApplication } from '@nestjs/common';
import { type Broadcaster, MessagesGivenUpError, RedisBackplane } from 'nestjs-redis-backplane';
import { now, ofDate } from './clock.js';
import type { Step } from './facts.js';
import { Load } from './load.js';
import type { AskEnd, Notice, Order, ServerFacts } from './messages.js';

/** How often a server sends its facts. Facts not sent yet are lost if it is killed. */
const TELL_MS = 250;
/** How often stalls and the number of peers are sampled. */
const SAMPLE_MS = 20;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Runs the load in a server process and sends facts to the parent. */
export class Witness {
  private seen = this.noFacts();
  private load: Load | undefined;
  private broadcaster: Broadcaster | undefined;
  private backplane: RedisBackplane | undefined;
  private sampledAt = 0;
  private peers = 0;

  constructor(private readonly index: number) {
    process.on('unhandledRejection', (reason) => this.seen.unhandled.push(String(reason)));
  }

  watch(broadcaster: Broadcaster, app: INestApplication): void {
    this.broadcaster = broadcaster;
    const backplane = app.get(RedisBackplane);
    this.backplane = backplane;
    this.load = new Load(this.index, broadcaster, (emit) => this.seen.emits.push(emit));
    const { status$, connectionFailed$, loss$, errors$ } = backplane;
    status$.subscribe(({ state }) => this.standing(state));
    connectionFailed$.subscribe(({ cause }) =>
      this.seen.failures.push({ server: this.index, at: now(), cause: cause.message }),
    );
    loss$.subscribe(({ from, to, certainty, origin, targets }) =>
      this.seen.reports.push({
        server: this.index,
        at: now(),
        from: ofDate(from),
        to: ofDate(to),
        certainty,
        origin,
        targets,
      }),
    );
    errors$.subscribe(({ cause }) => {
      if (cause instanceof MessagesGivenUpError)
        this.seen.givenUp.push({ server: this.index, at: now(), count: cause.count });
    });
    this.sampledAt = now();
    setInterval(() => this.sample(), SAMPLE_MS);
    setInterval(() => this.tell(false), TELL_MS);
  }

  listening(port: number): void {
    send({ notice: 'listening', port, serverId: this.backplane?.serverId ?? '' });
  }

  step(step: Step): void {
    this.seen.steps.push(step);
  }

  obey(order: Order): void {
    switch (order.order) {
      case 'load':
        return this.load?.start(order.plan);
      case 'halt':
        this.load?.stop();
        // Arrives after everything else that this server emitted.
        return void this.broadcaster?.all.emit('halted', this.index).catch(() => undefined);
      case 'burst':
        return void this.burst(order.count, order.bytes);
      case 'ask':
        return void this.ask(order.connectionId);
      case 'tell':
        return this.tell(true);
    }
  }

  /** Sends the last facts because a signal is ending the server. */
  leave(): void {
    this.load?.stop();
    this.tell(true);
  }

  private async burst(count: number, bytes: number): Promise<void> {
    const { load } = this;
    if (!load) return;
    const ends = Array.from({ length: count }, () => load.emitToAll(bytes));
    send({ notice: 'burst', ends: await Promise.all(ends) });
  }

  private async ask(connectionId: string): Promise<void> {
    const { broadcaster } = this;
    if (!broadcaster) return;
    const { all } = broadcaster;
    const one = broadcaster.connection(connectionId);
    await Promise.all([
      this.end('invoke', one.invoke('unanswered')),
      this.end('command', one.join('late')),
      this.end(
        'invokeAll',
        all.invokeAll('unanswered').then(({ missing }) => missing.servers),
      ),
    ]);
  }

  private async end(call: AskEnd['call'], promise: Promise<unknown>): Promise<void> {
    const end = await promise.catch((error: unknown) => (error instanceof Error ? error.name : error));
    this.seen.asks.push({ call, at: now(), end: String(end) });
  }

  private sample(): void {
    const at = now();
    this.seen.stalledMs = Math.max(this.seen.stalledMs, at - this.sampledAt - SAMPLE_MS);
    this.sampledAt = at;
    const { servers } = this.backplane?.delivery() ?? { servers: 0 };
    if (servers === this.peers) return;
    this.peers = servers;
    this.standing(this.backplane?.status.state ?? '');
  }

  private standing(state: string): void {
    this.seen.standings.push({ server: this.index, at: now(), state, peers: this.peers });
  }

  private tell(answer: boolean): void {
    const pending = answer ? (this.load?.pending ?? []) : [];
    const { malformed = 0, unknownVersion = 0 } = this.backplane?.counters ?? {};
    const dropped = { malformed, unknownVersion };
    const facts = { ...this.seen, emits: [...this.seen.emits, ...pending], dropped, toldAt: now() };
    this.seen = this.noFacts();
    send({ notice: 'facts', facts, answer });
  }

  private noFacts(): Mutable<ServerFacts> {
    return {
      emits: [],
      steps: [],
      reports: [],
      standings: [],
      failures: [],
      givenUp: [],
      asks: [],
      unhandled: [],
      dropped: { malformed: 0, unknownVersion: 0 },
      stalledMs: 0,
      toldAt: 0,
    };
  }
}

function send(notice: Notice): void {
  if (process.connected) process.send?.(notice);
}
