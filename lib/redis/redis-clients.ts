import { once } from 'node:events';
import { Redis, type RedisOptions } from 'ioredis';
import { InvalidOptionsError } from '../options/invalid-options.error.js';
import type { RedisRole } from '../options/redis-backplane-options.js';
import { batches } from '../bus/batches.js';
import { DISCONNECT_TIMEOUT_MS, endClient } from './client-socket.js';
import { CLASSIC } from './pub-sub-commands.js';
import { type SentinelEvents, SentinelWatch } from './sentinel-watch.js';

const CONNECT_TIMEOUT_MS = 1000;
const RETRY_CAP_MS = 500;
/** Node's timers take no more; a longer delay would be none. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Replies that are still awaited at the end are not waited for longer than this. */
const QUIT_TIMEOUT_MS = 500;

/**
 * What every client of the backplane must have:
 * - no offline queue: what waits there is flushed as a stale burst, before anybody is subscribed again
 * - no retries: a publish whose reply was lost would be delivered twice
 * - no resubscription by the client: its refusal is an unhandled rejection, and it knows nothing of what is wanted now
 * - no key prefix: ioredis would put it before the channels too
 */
export const REQUIRED_OPTIONS = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: true,
  keyPrefix: '',
} as const satisfies RedisOptions;

/** What a client of the user's own must not have: each ends connections that work, or commands that are about to. */
const FORBIDDEN_OPTIONS = [
  'reconnectOnError',
  'commandTimeout',
  'socketTimeout',
  'monitor',
] as const satisfies (keyof RedisOptions)[];

/** Full jitter below half of the cap and above: a farm that lost its Redis does not come back as one. */
export function retryDelay(attempt: number): number {
  const ceiling = Math.min(RETRY_CAP_MS, 50 * 2 ** (attempt - 1));
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}

/**
 * A strategy of the user's that cannot end the link, and cannot throw: ioredis gives a client up for good where there is
 * no number, and an error would end the process.
 */
export function guardedRetry(strategy: RedisOptions['retryStrategy']): RedisOptions['retryStrategy'] {
  if (strategy && guardedStrategies.has(strategy)) return strategy;
  const guarded = (attempt: number): number => {
    try {
      const delayMs = strategy?.(attempt);
      if (typeof delayMs === 'number' && delayMs >= 0 && delayMs <= MAX_TIMER_MS) return delayMs;
    } catch {
      // As where it gives up: the backplane goes on.
    }
    return retryDelay(attempt);
  };
  guardedStrategies.add(guarded);
  return guarded;
}

/** A client that serves one app after the other is given a guard once. */
const guardedStrategies = new WeakSet<NonNullable<RedisOptions['retryStrategy']>>();

/** Makes the client of a role, not yet connected, and ends it, or leaves it to its owner. */
export interface RedisClients {
  /** The clients outlive the transport, so it has to tell `close` what it has subscribed. */
  readonly areKept: boolean;
  create(role: RedisRole): Promise<Redis>;
  /**
   * Takes half a second at most, or a second and a half for a client that is waiting for a sentinel. Does not throw.
   *
   * @param subscribed the channels that the transport has subscribed on this client
   */
  close(client: Redis, subscribed?: readonly string[]): Promise<void>;
  /** Listens for failovers, where sentinels tell of them. */
  watch(events: SentinelEvents): SentinelWatch | undefined;
}

/** Clients made from options, and closed by us. */
export class OwnRedisClients implements RedisClients {
  readonly areKept = false;

  constructor(
    private readonly options: RedisOptions,
    private readonly name: string,
  ) {}

  create(role: RedisRole): Promise<Redis> {
    const options = clientOptions(this.options, `${this.name}:${role}`);
    return Promise.resolve(new Redis({ ...options, disconnectTimeout: DISCONNECT_TIMEOUT_MS }));
  }

  async close(client: Redis): Promise<void> {
    if (client.status === 'ready') await within(QUIT_TIMEOUT_MS, client.quit());
    // A socket that is given up while it opens may still fail, when nobody listens to its link any more.
    client.on('error', () => undefined);
    const connecting = client.status === 'connecting';
    endClient(client);
    // The client is looking for a server. Its connection to a sentinel is its own to close, and times out.
    if (connecting) await within(CONNECT_TIMEOUT_MS + QUIT_TIMEOUT_MS, ended(client));
  }

  /** Without it a client stays on a demoted server until Sentinel throws it out: 9.5 s against 1.3 s measured. */
  watch(events: SentinelEvents): SentinelWatch | undefined {
    return this.options.sentinels ? new SentinelWatch(this.options, events) : undefined;
  }
}

/** Which clients of users serve an app now. */
const claims = new WeakMap<Redis, UserRedisClients>();

function problemsOf({ options }: Redis, role: RedisRole): string[] {
  const wrong = Object.entries(REQUIRED_OPTIONS)
    .filter(([option, value]) => (options[option as keyof RedisOptions] ?? '') !== value)
    .map(([option, value]) => `${option} is not ${JSON.stringify(value)}`);
  const forbidden = FORBIDDEN_OPTIONS.filter((option) => options[option]).map((option) => `${option} is set`);
  return [...wrong, ...forbidden].map(
    (problem) => `connectionFactory made a ${role} whose option ${problem}; pass requiredOptions on`,
  );
}

/** Clients of the user's `connectionFactory`, checked when they are made and never closed by us. */
export class UserRedisClients implements RedisClients {
  readonly areKept = true;
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

  /** A client serves one link at a time: two would receive each other's messages, and end each other's subscriptions. */
  private conflictsOf(client: Redis, role: RedisRole): string[] {
    const owner = claims.get(client);
    if (owner !== undefined && owner !== this)
      return [
        `connectionFactory returned a ${role} that serves another app: make a new client for each app and role`,
      ];
    const other = [...this.roles].find(([known, itsRole]) => known === client && itsRole !== role);
    if (!other) return [];
    return [
      `connectionFactory returned the same client for ${other[1]} and ${role}: make a new one for each role`,
    ];
  }

  private release(client: Redis): void {
    this.roles.delete(client);
    if (claims.get(client) === this) claims.delete(client);
  }

  /** What else its owner has subscribed stays. Without a connection, Redis has forgotten all of it anyway. */
  async close(client: Redis, subscribed: readonly string[] = []): Promise<void> {
    this.release(client);
    if (client.status !== 'ready') return;
    const left = batches(subscribed).map((channels) => CLASSIC.unsubscribe(client, channels));
    await within(QUIT_TIMEOUT_MS, Promise.allSettled(left));
  }

  /** The user's factory decides where its clients connect to. */
  watch(): undefined {
    return undefined;
  }
}

/** Resolves when the promise has settled, however it does, or after this time. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([promise.catch(() => undefined), late]);
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
    // A round of all sentinels is an attempt like any other, so the link counts it and tells of it.
    sentinelRetryStrategy: () => null,
    // A sentinel that hangs would be waited for without end.
    sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
    ...options,
    ...REQUIRED_OPTIONS,
    retryStrategy: guardedRetry(options.retryStrategy),
    lazyConnect: true,
    // Pub/sub knows no databases, and SELECT would be one more permission to grant.
    db: 0,
  };
}
