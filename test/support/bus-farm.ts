import { randomUUID } from 'node:crypto';
import { ReplaySubject, firstValueFrom, take, timeout, toArray } from 'rxjs';
import type { Bus } from '../../lib/bus/bus.js';
import { createBus } from '../../lib/redis/create-bus.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import { ChannelNames } from '../../lib/protocol/channel-names.js';
import { encodeRecord } from '../../lib/protocol/envelope.js';
import { next } from './observe.js';

/** No kind of the bus's own: such records are handed to whoever receives. */
export const TEST_KIND = 200;
const DEADLINE_MS = 10_000;

export interface Heard {
  readonly origin: string;
  readonly kind: number;
  readonly text: string;
}

export function record(text: string): Buffer {
  return encodeRecord(TEST_KIND, Buffer.from(text));
}

/** Channels, named from this base, that together travel by every way on which messages keep their order. */
export type Lanes = (base: string) => readonly string[];

/** A bus that keeps what it hears, and can wait for it. */
export class BusServer {
  readonly heard: Heard[] = [];
  private readonly heard$ = new ReplaySubject<Heard>();

  constructor(
    readonly bus: Bus,
    private readonly prefix: string,
    private readonly lanes: Lanes,
  ) {}

  start(): Promise<void> {
    return this.bus.start((origin, kind, body) => {
      const heard = { origin, kind, text: body.toString() };
      this.heard.push(heard);
      this.heard$.next(heard);
    });
  }

  async ready(): Promise<this> {
    if (!(await this.bus.whenReady(DEADLINE_MS))) throw new Error(`is ${JSON.stringify(this.bus.status)}`);
    return this;
  }

  publish(channel: string, text: string): Promise<unknown> {
    return this.bus.publish([channel], record(text));
  }

  /** The first so many that it hears after its start. */
  async hears(count: number): Promise<string[]> {
    const first = this.heard$.pipe(take(count), toArray(), timeout(DEADLINE_MS));
    return (await firstValueFrom(first)).map(({ text }) => text);
  }

  /**
   * Resolves when Redis has done what this server wished until now, unsubscribing too. That one channel is subscribed
   * says so only of those that go the same way: another node of a cluster may be slower.
   */
  async wishesGranted(): Promise<void> {
    const channels = this.lanes(`${this.prefix}:wish:${randomUUID()}`);
    await Promise.all(channels.map((channel) => this.bus.want(channel)));
    for (const channel of channels) this.bus.unwant(channel);
  }

  /**
   * All that this server has heard before messages which `from` sends now, on channels that this server
   * wants now: commands and messages keep their order, so what is not among it does not come any more.
   */
  async heardFrom(from: BusServer): Promise<string[]> {
    const last = `last:${randomUUID()}`;
    const channels = this.lanes(`${this.prefix}:${last}`);
    await Promise.all(channels.map((channel) => this.bus.want(channel)));
    await Promise.all(channels.map((channel) => from.publish(channel, channel)));
    await Promise.all(channels.map((channel) => next(this.heard$, ({ text }) => text === channel)));
    for (const channel of channels) this.bus.unwant(channel);
    return this.heard.map(({ text }) => text).filter((text) => !text.startsWith(`${this.prefix}:last:`));
  }
}

/** Servers that share a Redis, or a name in memory, and a channel prefix of their own. */
export class BusFarm {
  private readonly servers: BusServer[] = [];

  constructor(
    private readonly options: RedisBackplaneOptions,
    readonly prefix = `test-${randomUUID()}`,
    private readonly lanes: Lanes = (base) => [base],
  ) {}

  get channels(): ChannelNames {
    return new ChannelNames(this.prefix);
  }

  /** A new one, not started. */
  server(options: RedisBackplaneOptions = {}): BusServer {
    const own = { ...this.options, channelPrefix: this.prefix, ...options };
    const server = new BusServer(createBus(resolveOptions(own), this.channels), this.prefix, this.lanes);
    this.servers.push(server);
    return server;
  }

  async ready(options?: RedisBackplaneOptions): Promise<BusServer> {
    const server = this.server(options);
    await server.start();
    return server.ready();
  }

  async pair(): Promise<[BusServer, BusServer]> {
    return [await this.ready(), await this.ready()];
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map(({ bus }) => bus.close()));
  }
}
