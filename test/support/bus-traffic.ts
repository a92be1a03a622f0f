import type { BusLoss } from '../../lib/bus/bus.js';
import type { BusServer } from './bus-farm.js';
import { collect } from './observe.js';

const INTERVAL_MS = 5;

interface Sent {
  readonly origin: string;
  readonly serial: number;
  readonly channel: string;
  readonly at: number;
  /** When Redis acknowledged it. Absent if it did not. */
  takenAt?: number;
}

/** What one server missed, missed without a report, received twice, or received out of order. */
export interface Verdict {
  readonly accepted: number;
  readonly missed: number;
  readonly uncovered: readonly string[];
  readonly duplicates: readonly string[];
  readonly inversions: readonly string[];
}

/** Makes all servers publish in turn on some channels that all of them subscribe to. */
export class BusTraffic {
  private readonly sent: Sent[] = [];
  private readonly losses: readonly { readonly values: BusLoss[] }[];
  private readonly outcomes = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private serial = 0;
  private awaited: { readonly serial: number; readonly resolve: () => void } | undefined;

  constructor(
    private readonly servers: readonly BusServer[],
    private readonly channels: readonly string[],
  ) {
    this.losses = servers.map(({ bus }) => collect(bus.loss$));
  }

  async start(): Promise<void> {
    for (const { bus } of this.servers) await Promise.all(this.channels.map((channel) => bus.want(channel)));
    this.timer = setInterval(() => this.publish(), INTERVAL_MS);
  }

  /** Resolves once each server has published `count` more messages. */
  more(count: number): Promise<void> {
    return new Promise((resolve) => (this.awaited = { serial: this.serial + count, resolve }));
  }

  /** Stops publishing. Resolves once every publish has settled and every server has received everything it can. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.outcomes);
    for (const receiver of this.servers)
      for (const sender of this.servers) if (sender !== receiver) await receiver.heardFrom(sender);
  }

  /** @param ordered whether one sender's messages keep their order across all channels or only within each */
  verdicts(ordered: 'all channels' | 'each channel'): Verdict[] {
    return this.servers.map((_, index) => this.judge(index, ordered));
  }

  private publish(): void {
    const serial = this.serial++;
    if (this.awaited && serial >= this.awaited.serial) this.awaited.resolve();
    const channel = this.channels[serial % this.channels.length] as string;
    for (const server of this.servers) {
      const sent: Sent = { origin: server.bus.serverId, serial, channel, at: performance.now() };
      this.sent.push(sent);
      const outcome = server.publish(channel, `${serial}`).then(
        () => void (sent.takenAt = performance.now()),
        () => undefined,
      );
      this.outcomes.add(outcome);
      void outcome.then(() => this.outcomes.delete(outcome));
    }
  }

  private judge(index: number, ordered: 'all channels' | 'each channel'): Verdict {
    const { bus, heard } = this.servers[index] as BusServer;
    const losses = this.losses[index]?.values ?? [];
    const counts = new Map<string, number>();
    const last = new Map<string, number>();
    const inversions: string[] = [];
    for (const { origin, text } of heard.filter(({ text }) => /^\d+$/.test(text))) {
      const serial = Number(text);
      counts.set(`${origin} ${text}`, (counts.get(`${origin} ${text}`) ?? 0) + 1);
      const lane = ordered === 'all channels' ? origin : `${origin} ${serial % this.channels.length}`;
      if (serial < (last.get(lane) ?? 0)) inversions.push(`${origin} ${text}`);
      last.set(lane, serial);
    }
    const accepted = this.sent.filter(({ origin, takenAt }) => origin !== bus.serverId && takenAt);
    const missed = accepted.filter(({ origin, serial }) => !counts.has(`${origin} ${serial}`));
    return {
      accepted: accepted.length,
      missed: missed.length,
      uncovered: missed
        .filter((message) => !losses.some((loss) => covers(loss, message)))
        .map(({ origin, serial, at }) => `${origin} ${serial} at ${Math.round(at)}`),
      duplicates: [...counts].filter(([, count]) => count > 1).map(([message]) => message),
      inversions,
    };
  }
}

/** Whether the loss covers the time between the publish and its reply, when Redis took the message. */
function covers({ channels, origin, from, to }: BusLoss, message: Sent): boolean {
  return (
    (channels === 'all' || channels.includes(message.channel)) &&
    (origin === undefined || origin === message.origin) &&
    from <= (message.takenAt ?? message.at) &&
    to >= message.at
  );
}
