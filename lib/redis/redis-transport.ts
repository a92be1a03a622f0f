import type { Redis } from 'ioredis';
import { InvalidOptionsError } from '../options/invalid-options.error.js';
import { toError } from '../protocol/thrown.js';
import { LinkUpkeep } from './link-upkeep.js';
import { isReplyError, withAdvice } from './permissions.js';
import { CLASSIC, type PubSubCommands } from './pub-sub-commands.js';
import { type RedisClients, retryDelay } from './redis-clients.js';
import { RedisLink } from './redis-link.js';
import type { SentinelWatch } from './sentinel-watch.js';
import {
  type LinkRole,
  PublishDeniedError,
  PublishRefusedError,
  SubscriptionRefusedError,
  type Transport,
  type TransportEvents,
} from '../bus/transport.js';

/** Replies that mean "not now": the same publish can succeed later. Redis never takes what it answers in another way. */
const TEMPORARY =
  /^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|MOVED|ASK|TRYAGAIN|READONLY|OOM|MISCONF|NOREPLICAS)\b/;

/**
 * One publisher and one subscriber link to one Redis server, found directly or through Sentinel:
 * together they are a first-in-first-out pipe.
 */
export class RedisTransport implements Transport {
  private publisher: RedisLink | undefined;
  private subscriber: RedisLink | undefined;
  private watch: SentinelWatch | undefined;
  private readonly upkeeps: LinkUpkeep[] = [];
  private corked: Redis['stream'] | undefined;
  private readonly factoryTimers = new Map<LinkRole, NodeJS.Timeout>();
  private closed = false;
  /** What is subscribed on a client that outlives this transport. */
  private readonly subscribed = new Set<string>();

  constructor(
    private readonly clients: RedisClients,
    /** What the Redis user needs the right to, as an ACL writes it behind `&`. */
    private readonly pattern: string,
    private readonly commands: PubSubCommands = CLASSIC,
  ) {}

  async open(events: TransportEvents): Promise<void> {
    this.watch = this.clients.watch({
      failover: (failover) => {
        this.publisher?.leave(failover);
        this.subscriber?.leave(failover);
      },
      refused: (cause) => events.problem(cause),
    });
    const opened = await Promise.allSettled([
      this.openLink('publisher', events),
      this.openLink('subscriber', events),
    ]);
    const refused = opened.find((outcome) => outcome.status === 'rejected');
    if (!refused) return;
    // The app does not start: clients of the user's may serve its next attempt.
    await this.close();
    throw refused.reason;
  }

  publish(channel: string, bytes: Buffer): Promise<void> {
    const { publisher } = this;
    if (!publisher?.isUp)
      return Promise.reject(new PublishRefusedError('the publisher link to Redis is down'));
    this.cork(publisher.client.stream);
    return this.commands.publish(publisher.client, channel, bytes).then(ignoreReply, (error: unknown) => {
      throw isReplyError(error) ? this.refusal(error, publisher) : error;
    });
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    if (!this.subscriber?.isUp) throw new Error('the subscriber link to Redis is down');
    if (this.clients.areKept) for (const channel of channels) this.subscribed.add(channel);
    try {
      this.checkStep(this.subscriber, await this.commands.subscribe(this.subscriber.client, channels));
    } catch (error) {
      throw this.subscriptionError(error, this.subscriber);
    }
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    if (!this.subscriber?.isUp) return;
    for (const channel of channels) this.subscribed.delete(channel);
    try {
      this.checkStep(this.subscriber, await this.commands.unsubscribe(this.subscriber.client, channels));
    } catch (error) {
      throw this.subscriptionError(error, this.subscriber);
    }
  }

  reset(cause: Error): void {
    this.publisher?.drop(cause);
    this.subscriber?.drop(cause);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.watch?.close();
    for (const timer of this.factoryTimers.values()) clearTimeout(timer);
    for (const upkeep of this.upkeeps) upkeep.stop();
    const links = [this.publisher, this.subscriber].filter((link) => link !== undefined);
    await Promise.all(
      links.map(async (link) => {
        link.end();
        await this.clients.close(link.client, link === this.subscriber ? [...this.subscribed] : []);
        link.detach();
        // Its owner had ended it, and does not expect to have to do so again.
        if (link.wasRevived) link.client.disconnect();
      }),
    );
  }

  /** A user's factory may fail as a connection may, and is called again as one; a wrong client is refused. */
  private async openLink(role: LinkRole, events: TransportEvents, attempt = 1): Promise<void> {
    try {
      const isDemoted = (node: string): boolean => this.watch?.isDemoted(node) ?? false;
      const client = await this.clients.create(role);
      const upkeep = new LinkUpkeep(role, client, (error) =>
        events.problem(this.missingRight(error, client)),
      );
      // Only of what is published must others know where it was.
      const identify = role === 'publisher' ? () => upkeep.runId() : undefined;
      const link = new RedisLink(role, client, upkeep.during(events), isDemoted, identify);
      if (this.closed) {
        link.detach();
        return await this.clients.close(client);
      }
      this[role] = link;
      this.upkeeps.push(upkeep);
      link.connect();
    } catch (error) {
      const cause = toError(error);
      if (this.closed) return;
      // At bootstrap a wrong client stops it; one that comes later is a failure like any other.
      if (cause instanceof InvalidOptionsError && attempt === 1) throw cause;
      const delayMs = retryDelay(attempt);
      events.retrying(role, attempt, delayMs, cause);
      this.factoryTimers.set(
        role,
        setTimeout(() => void this.openLink(role, events, attempt + 1), delayMs),
      );
    }
  }

  private refusal(error: Error, { client }: RedisLink): PublishRefusedError {
    const Refusal = TEMPORARY.test(error.message) ? PublishRefusedError : PublishDeniedError;
    return new Refusal(withAdvice(error, client.options.username, this.pattern), { cause: error });
  }

  /** A command that something swallowed gets the reply to the next one, and every later one does, too. */
  private checkStep(link: RedisLink, reply: unknown): void {
    if (typeof reply === 'number') return;
    const cause = new Error('Redis has not answered a SUBSCRIBE or UNSUBSCRIBE, but what was sent after it');
    for (const upkeep of this.upkeeps) upkeep.outOfStep();
    link.drop(cause);
    throw cause;
  }

  private missingRight(error: Error, { options }: Redis): Error {
    return new Error(withAdvice(error, options.username, this.pattern), { cause: error });
  }

  private subscriptionError(error: unknown, { client }: RedisLink): unknown {
    if (!isReplyError(error)) return error;
    const message = withAdvice(error, client.options.username, this.pattern);
    return new SubscriptionRefusedError(message, { cause: error });
  }

  /** Publishes of one tick leave in one write(2), which is most of what a publish costs. */
  private cork(stream: Redis['stream']): void {
    if (this.corked === stream) return;
    this.corked = stream;
    stream.cork();
    process.nextTick(() => {
      stream.uncork();
      if (this.corked === stream) this.corked = undefined;
    });
  }
}

/** To how many it went is of no use: the others' clients may be none of them. */
function ignoreReply(): void {}
