import { Redis, type RedisOptions } from 'ioredis';
import { InvalidOptionsError } from '../options/invalid-options.error.js';
import type { RedisRole } from '../options/redis-backplane-options.js';

const CONNECT_TIMEOUT_MS = 1000;
const RETRY_CAP_MS = 500;
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

/** Full jitter below half of the cap and above: a farm that lost its Redis does not come back as one. */
export function retryDelay(attempt: number): number {
  const ceiling = Math.min(RETRY_CAP_MS, 50 * 2 ** (attempt - 1));
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}

/** Makes the client of a role, not yet connected, and ends it, or leaves it to its owner. */
export interface RedisClients {
  create(role: RedisRole): Promise<Redis>;
  close(client: Redis): Promise<void>;
}

/** Clients made from options, and closed by us. */
export class OwnRedisClients implements RedisClients {
  constructor(
    private readonly options: RedisOptions,
    private readonly name: string,
  ) {}

  create(role: RedisRole): Promise<Redis> {
    return Promise.resolve(new Redis(clientOptions(this.options, `${this.name}:${role}`)));
  }

  async close(client: Redis): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, QUIT_TIMEOUT_MS)));
    const quit = client.status === 'ready' ? client.quit().catch(() => undefined) : undefined;
    await Promise.race([quit, patience]);
    clearTimeout(timer);
    client.disconnect();
  }
}

/** Clients of the user's `connectionFactory`, checked when they are made and never closed by us. */
export class UserRedisClients implements RedisClients {
  constructor(
    private readonly factory: (role: RedisRole, requiredOptions: RedisOptions) => Redis | Promise<Redis>,
    private readonly options: RedisOptions,
    private readonly name: string,
  ) {}

  async create(role: RedisRole): Promise<Redis> {
    const client = await this.factory(role, clientOptions(this.options, `${this.name}:${role}`));
    const problems = Object.entries(REQUIRED_OPTIONS)
      .filter(([option, value]) => (client.options[option as keyof RedisOptions] ?? '') !== value)
      .map(
        ([option, value]) =>
          `connectionFactory made a ${role} whose option ${option} is not ${JSON.stringify(value)}`,
      );
    if (problems.length > 0) throw new InvalidOptionsError(problems);
    return client;
  }

  close(client: Redis): Promise<void> {
    if (client.status !== 'ready') return Promise.resolve();
    return client.unsubscribe().then(
      () => undefined,
      () => undefined,
    );
  }
}

function clientOptions(options: RedisOptions, connectionName: string): RedisOptions {
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepAlive: 15_000,
    enableReadyCheck: true,
    noDelay: true,
    connectionName,
    retryStrategy: retryDelay,
    sentinelRetryStrategy: retryDelay,
    // Without it a client stays on a demoted server until Sentinel throws it out: 9.5 s against 1.3 s measured.
    failoverDetector: true,
    ...options,
    ...REQUIRED_OPTIONS,
    lazyConnect: true,
    // Pub/sub knows no databases, and SELECT would be one more permission to grant.
    db: 0,
  };
}
