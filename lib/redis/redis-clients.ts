import { once } from 'node:events';
import { Redis, type RedisOptions } from 'ioredis';
import { InvalidOptionsError } from '../options/invalid-options.error.js';
import type { RedisRole } from '../options/redis-backplane-options.js';
import { MAX_TIMER_MS } from '../protocol/timer-limit.js';
import { batches } from '../bus/batches.js';
import { DISCONNECT_TIMEOUT_MS, endClient } from './client-socket.js';
import { CLASSIC } from './pub-sub-commands.js';
import { PromptSentinelConnector } from './sentinel-connector.js';
import { type SentinelEvents, SentinelWatch } from './sentinel-watch.js';

const CONNECT_TIMEOUT_MS = 1000;
const RETRY_CAP_MS = 500;
/** How long `close` waits for outstanding replies. */
const QUIT_TIMEOUT_MS = 500;

/**
 * The options that every client of the backplane must have:
 * - no offline queue: ioredis would flush it as a stale burst, before any server has resubscribed
 * - no retries: a publish whose reply was lost would be delivered twice
 * - no resubscription by ioredis: a refusal would be an unhandled rejection, and ioredis does not know which channels
 *   are wanted by now
 * - no key prefix: ioredis would add it to channels too
 */
export const REQUIRED_OPTIONS = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: true,
  keyPrefix: '',
} as const satisfies RedisOptions;

/** Options that a user's own client must not have, because each can end a working connection or a pending command. */
const FORBIDDEN_OPTIONS = [
  'reconnectOnError',
  'commandTimeout',
  'socketTimeout',
  'monitor',
] as const satisfies (keyof RedisOptions)[];

/**
 * The delay before an attempt to connect, in milliseconds: exponential backoff that is capped at 500 ms. The upper half
 * of each delay is random, so that the servers of a farm do not all reconnect at the same instant.
 */
export function retryDelay(attempt: number): number {
  const ceiling = Math.min(RETRY_CAP_MS, 50 * 2 ** (attempt - 1));
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}

/**
 * Wraps a user's `retryStrategy` so that it always returns a delay. If it returned no number, ioredis would give up
 * for good; if it threw, the process would crash.
 */
export function guardedRetry(strategy: RedisOptions['retryStrategy']): RedisOptions['retryStrategy'] {
  if (strategy && guardedStrategies.has(strategy)) return strategy;
  const guarded = (attempt: number): number => {
    try {
      const delayMs = strategy?.(attempt);
      if (typeof delayMs === 'number' && delayMs >= 0 && delayMs <= MAX_TIMER_MS) return delayMs;
    } catch {
      // Treated like a strategy that gives up: the backplane keeps retrying.
    }
    return retryDelay(attempt);
  };
  guardedStrategies.add(guarded);
  return guarded;
}

/** Strategies that are wrapped already: a user's client that serves several apps in turn is wrapped once. */
const guardedStrategies = new WeakSet<NonNullable<RedisOptions['retryStrategy']>>();

/** Creates the ioredis clients of a transport, and closes those that the backplane owns. */
export interface RedisClients {
  /** Whether the clients outlive the transport. If so, `close` needs the channels that the transport subscribed. */
  readonly areUserOwned: boolean;
  /** Creates the client of a role, without connecting it. */
  create(role: RedisRole): Promise<Redis>;
  /**
   * Closes a client that the backplane owns, or gives a user's client back. Takes at most 500 ms, or 1500 ms if the
   * client is waiting for a sentinel. Does not throw.
   *
   * @param subscribed the channels that the transport has subscribed on this client
   */
  close(client: Redis, subscribed?: readonly string[]): Promise<void>;
  /** Watches for failovers if the connection goes through Sentinel. */
  watch(events: SentinelEvents): SentinelWatch | undefined;
}

/** Clients that the backplane creates from options, and closes itself. */
export class OwnRedisClients implements RedisClients {
  readonly areUserOwned = false;

  constructor(
    private readonly options: RedisOptions,
    private readonly name: string,
  ) {}

  create(role: RedisRole): Promise<Redis> {
    const options = clientOptions(this.options, `${this.name}:${role}`);
    const Connector = options.sentinels ? PromptSentinelConnector : options.Connector;
    return Promise.resolve(new Redis({ ...options, Connector, disconnectTimeout: DISCONNECT_TIMEOUT_MS }));
  }

  async close(client: Redis): Promise<void> {
    if (client.status === 'ready') await settleWithin(QUIT_TIMEOUT_MS, client.quit());
    // A socket that is destroyed while it connects may still emit an error after the link has been detached.
    client.on('error', () => undefined);
    const connecting = client.status === 'connecting';
    endClient(client);
    // The client may be asking a sentinel for the master. We cannot close that connection; it times out by itself.
    if (connecting) await settleWithin(CONNECT_TIMEOUT_MS + QUIT_TIMEOUT_MS, ended(client));
  }

  /**
   * Without this watch, a client stays on a demoted Redis node until Sentinel disconnects it. Measured: 9.5 s without,
   * 1.3 s with it.
   */
  watch(events: SentinelEvents): SentinelWatch | undefined {
    return this.options.sentinels ? new SentinelWatch(this.options, events) : undefined;
  }
}

/** The user-owned clients that serve an app now. */
const claims = new WeakMap<Redis, UserRedisClients>();

function problemsOf({ options }: Redis, role: RedisRole): string[] {
  const wrong = Object.entries(REQUIRED_OPTIONS)
    .filter(([option, value]) => (options[option as keyof RedisOptions] ?? '') !== value)
    .map(([option, value]) => `${option} is not ${JSON.stringify(value)}`);
  const forbidden = FORBIDDEN_OPTIONS.filter((option) => options[option]).map((option) => `${option} is set`);
  return [...wrong, ...forbidden].map(
    (problem) =>
      `connectionFactory returned a ${role} whose option ${problem}; create it with the requiredOptions that the factory gets`,
  );
}

/** Clients that the user's `connectionFactory` creates. They are checked when created, and never closed by the backplane. */
export class UserRedisClients implements RedisClients {
  readonly areUserOwned = true;
  private readonly roles = new Map<Redis, RedisRole>();

  constructor(
    private readonly factory: (role: RedisRole, requiredOptions: RedisOptions) => Redis | Promise<Redis>,
    private readonly options: RedisOptions,
    private readonly name: string,
  ) {}

  async create(role: RedisRole): Promise<Redis> {
    const options = { ...clientOptions(this.options, `${this.name}:${role}`), failoverDetector: true };
    const client = await this.factory(role, options);
    const problems = [...problemsOf(client, role), ...this.conflictsOf(client, role)];
    if (problems.length > 0) throw new InvalidOptionsError(problems);
    claims.set(client, this);
    this.roles.set(client, role);
    client.options.retryStrategy = guardedRetry(client.options.retryStrategy);
    return client;
  }

  /** A client serves one link at a time: two links would get each other's messages and end each other's subscriptions. */
  private conflictsOf(client: Redis, role: RedisRole): string[] {
    const owner = claims.get(client);
    if (owner !== undefined && owner !== this)
      return [
        `connectionFactory returned a ${role} that serves another app: create a new client for each app and role`,
      ];
    const other = [...this.roles].find(([known, itsRole]) => known === client && itsRole !== role);
    if (!other) return [];
    return [
      `connectionFactory returned the same client for ${other[1]} and ${role}: create a new one for each role`,
    ];
  }

  private release(client: Redis): void {
    this.roles.delete(client);
    if (claims.get(client) === this) claims.delete(client);
  }

  /** Unsubscribes only our channels. Without a connection there is nothing to do, because Redis has dropped them all. */
  async close(client: Redis, subscribed: readonly string[] = []): Promise<void> {
    this.release(client);
    if (client.status !== 'ready') return;
    const unsubscribes = batches(subscribed).map((channels) => CLASSIC.unsubscribe(client, channels));
    await settleWithin(QUIT_TIMEOUT_MS, Promise.allSettled(unsubscribes));
  }

  /** Nothing to watch: the user's factory decides where its clients connect. */
  watch(): undefined {
    return undefined;
  }
}

/** Resolves when the promise has settled, or after `ms` milliseconds. Never rejects. */
async function settleWithin(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([promise.catch(() => undefined), timeout]);
  clearTimeout(timer);
}

async function ended(client: Redis): Promise<void> {
  if (client.status !== 'end') await once(client, 'end');
}

function clientOptions(options: RedisOptions, connectionName: string): RedisOptions {
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepAlive: 15_000,
    enableReadyCheck: true,
    noDelay: true,
    connectionName,
    // After one round of all sentinels the client ends, so the link counts and reports the round as a failed attempt.
    sentinelRetryStrategy: () => null,
    // Without it, a sentinel that hangs would block the client for ever.
    sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
    ...options,
    ...REQUIRED_OPTIONS,
    retryStrategy: guardedRetry(options.retryStrategy),
    lazyConnect: true,
    // Pub/sub ignores databases, and SELECT would be one more permission to grant.
    db: 0,
  };
}
