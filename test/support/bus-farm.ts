import { randomUUID } from 'node:crypto';
import { ReplaySubject, firstValueFrom, take, timeout, toArray } from 'rxjs';
import type { Bus } from '../../lib/bus/bus.js';
import { createBus } from '../../lib/redis/create-bus.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import { ChannelNames } from '../../lib/protocol/channel-names.js';
import { encodeRecord } from '../../lib/protocol/envelope.js';
import { next } from './observe.js';

/** Not one of the bus's own kinds, so the bus passes such records on to the receiver. */
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

/** Makes channels from a base name that together cover every ordered path: one per link in sharded mode. */
export type Lanes = (base: string) => readonly string[];

/** A bus that records what it receives and can wait for it. */
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
    if (!(await this.bus.whenReady(DEADLINE_MS)))
      throw new Error(`The bus did not become ready. Its status: ${JSON.stringify(this.bus.status)}`);
    return this;
  }

  publish(channel: string, text: string): Promise<unknown> {
    return this.bus.publish([channel], record(text));
  }

  /** Resolves with the first `count` messages received since the start. */
  async hears(count: number): Promise<string[]> {
    const first = this.heard$.pipe(take(count), toArray(), timeout(DEADLINE_MS));
    return (await firstValueFrom(first)).map(({ text }) => text);
  }

  /**
   * Resolves once Redis has executed all earlier subscribes and unsubscribes of this server. A reply for one channel
   * proves that only for its own link, so this subscribes to one channel per lane.
   */
  async wishesGranted(): Promise<void> {
    const channels = this.lanes(`${this.prefix}:wish:${randomUUID()}`);
    await Promise.all(channels.map((channel) => this.bus.want(channel)));
    for (const channel of channels) this.bus.unwant(channel);
  }

  /**
   * Resolves with all messages received before ones that `from` sends now. Redis keeps the order of commands and
   * messages, so a message to a channel subscribed now that is missing here cannot arrive any more.
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

/** Servers that share a Redis (or a memory transport) and a channel prefix that no other farm uses. */
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

  /** Creates a server without starting it. */
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
