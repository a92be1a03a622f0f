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

/** Error replies after which the same publish can succeed later. After any other error reply, it never will. */
const TEMPORARY =
  /^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|MOVED|ASK|TRYAGAIN|READONLY|OOM|MISCONF|NOREPLICAS)\b/;

/**
 * One publisher and one subscriber link to one Redis node, found directly or through Sentinel. Together they are a
 * first-in, first-out pipe.
 */
export class RedisTransport implements Transport {
  private publisher: RedisLink | undefined;
  private subscriber: RedisLink | undefined;
  private watch: SentinelWatch | undefined;
  private readonly upkeeps: LinkUpkeep[] = [];
  private corked: Redis['stream'] | undefined;
  private readonly factoryTimers = new Map<LinkRole, NodeJS.Timeout>();
  private closed = false;
  /** The channels that this transport has subscribed on a user-owned client, which outlives it. */
  private readonly subscribed = new Set<string>();

  constructor(
    private readonly clients: RedisClients,
    /** The channels that the Redis user needs access to, as an ACL rule writes them after `&`. */
    private readonly pattern: string,
    private readonly commands: PubSubCommands = CLASSIC,
  ) {}

  async open(events: TransportEvents): Promise<void> {
    this.watch = this.clients.watch({
      failover: (failover) => {
        this.publisher?.followFailover(failover);
        this.subscriber?.followFailover(failover);
      },
      refused: (cause) => events.problem(cause),
    });
    const opened = await Promise.allSettled([
      this.openLink('publisher', events),
      this.openLink('subscriber', events),
    ]);
    const failed = opened.find((outcome) => outcome.status === 'rejected');
    if (!failed) return;
    // Bootstrap fails. The user's clients are given back, because the next attempt may use them again.
    await this.close();
    throw failed.reason;
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
    if (this.clients.areUserOwned) for (const channel of channels) this.subscribed.add(channel);
    try {
      this.checkReply(this.subscriber, await this.commands.subscribe(this.subscriber.client, channels));
    } catch (error) {
      throw this.subscriptionError(error, this.subscriber);
    }
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    if (!this.subscriber?.isUp) return;
    for (const channel of channels) this.subscribed.delete(channel);
    try {
      this.checkReply(this.subscriber, await this.commands.unsubscribe(this.subscriber.client, channels));
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
        // The owner had ended the client, and does not expect that it has to do so again.
        if (link.wasRestarted) link.client.disconnect();
      }),
    );
  }

  /**
   * Creates the client of a role and connects it. A `connectionFactory` that throws is retried like a connection that
   * fails.
   */
  private async openLink(role: LinkRole, events: TransportEvents, attempt = 1): Promise<void> {
    try {
      const isDemoted = (node: string): boolean => this.watch?.isDemoted(node) ?? false;
      const client = await this.clients.create(role);
      const upkeep = new LinkUpkeep(role, client, (error) =>
        events.problem(this.permissionError(error, client)),
      );
      // Only the publisher link is identified: peers need to know to which Redis process this server publishes.
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
      // A client with wrong options stops bootstrap. After bootstrap, it is a failure like any other.
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
    const ErrorType = TEMPORARY.test(error.message) ? PublishRefusedError : PublishDeniedError;
    return new ErrorType(withAdvice(error, client.options.username, this.pattern), { cause: error });
  }

  /**
   * Checks that the reply belongs to this command. If something swallowed a command, ioredis takes the next reply for
   * it, and from then on every reply for the one before.
   */
  private checkReply(link: RedisLink, reply: unknown): void {
    if (typeof reply === 'number') return;
    const cause = new Error(
      'Redis has not answered a SUBSCRIBE or UNSUBSCRIBE, but has answered a later command',
    );
    for (const upkeep of this.upkeeps) upkeep.markOutOfSync();
    link.drop(cause);
    throw cause;
  }

  private permissionError(error: Error, { options }: Redis): Error {
    return new Error(withAdvice(error, options.username, this.pattern), { cause: error });
  }

  private subscriptionError(error: unknown, { client }: RedisLink): unknown {
    if (!isReplyError(error)) return error;
    const message = withAdvice(error, client.options.username, this.pattern);
    return new SubscriptionRefusedError(message, { cause: error });
  }

  /** Sends all publishes of one tick in one write(2), because the system call is most of the cost of a publish. */
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

/** The reply counts the subscribed servers, which says nothing about clients: the subscribers may have none. */
function ignoreReply(): void {}
