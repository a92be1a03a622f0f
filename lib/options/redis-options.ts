import type { RedisOptions } from 'ioredis';
import { didYouMean } from './suggestion.js';

/** Options that ioredis passes to Node's sockets, but that its types do not list. */
type SocketKey =
  'autoSelectFamily' | 'autoSelectFamilyAttemptTimeout' | 'hints' | 'localAddress' | 'localPort' | 'lookup';

type Rule =
  /** Passed to ioredis. */
  | { readonly kind: 'applied' }
  /** Set by the backplane. Any value that is not `harmless` is ignored with a warning. */
  | { readonly kind: 'overridden'; readonly reason: string; readonly harmless: readonly unknown[] }
  /** Not supported. Any value that is not `harmless` fails at startup. */
  | { readonly kind: 'refused'; readonly advice: string; readonly harmless: readonly unknown[] };

const applied: Rule = { kind: 'applied' };
const overridden = (reason: string, ...harmless: readonly unknown[]): Rule => ({
  kind: 'overridden',
  reason,
  harmless,
});
const refused = (advice: string, ...harmless: readonly unknown[]): Rule => ({
  kind: 'refused',
  advice,
  harmless,
});

const noQueue =
  'a message that is queued in the client would arrive late; the option outage decides what happens instead';
const noRepetition = 'a message that is published twice would arrive twice';
const ownReconnecting = 'the backplane decides itself when a connection is given up';
const noTimeout = 'a publish has a limit of its own, the option publishTimeout';
const otherCommands = 'it concerns commands that the backplane does not send';
const ownPipeline = 'the backplane batches commands itself';
const ownReplies = 'the backplane needs replies in their default form';

/** Every option of ioredis. */
const RULES: Readonly<Record<keyof RedisOptions | SocketKey, Rule>> = {
  host: applied,
  port: applied,
  path: applied,
  family: applied,
  hints: applied,
  lookup: applied,
  localAddress: applied,
  localPort: applied,
  autoSelectFamily: applied,
  autoSelectFamilyAttemptTimeout: applied,
  noDelay: applied,
  keepAlive: applied,
  connectTimeout: applied,
  connectionName: applied,
  username: applied,
  password: applied,
  protocol: applied,
  disableClientInfo: applied,
  clientInfoTag: applied,
  enableReadyCheck: applied,
  maxLoadingRetryTime: applied,
  // Wrapped by `guardedRetry` in redis/redis-clients.ts, so that it can neither throw nor give up.
  retryStrategy: applied,
  showFriendlyErrorStack: applied,
  tls: applied,
  sentinels: applied,
  name: applied,
  sentinelUsername: applied,
  sentinelPassword: applied,
  sentinelTLS: applied,
  sentinelCommandTimeout: applied,
  sentinelReconnectStrategy: applied,
  sentinelMaxConnections: applied,
  enableTLSForSentinelMode: applied,
  updateSentinels: applied,
  natMap: applied,
  lazyConnect: overridden('the backplane connects at bootstrap', true, false),
  enableOfflineQueue: overridden(noQueue, false),
  offlineQueue: overridden(noQueue, false),
  commandQueue: overridden(noQueue, true),
  maxRetriesPerRequest: overridden(noRepetition, 0),
  autoResendUnfulfilledCommands: overridden(noRepetition, true),
  autoResubscribe: overridden('the backplane resubscribes its channels itself', false),
  reconnectOnError: overridden(ownReconnecting),
  disconnectTimeout: overridden(ownReconnecting),
  socketTimeout: overridden(ownReconnecting),
  commandTimeout: overridden(noTimeout),
  blockingTimeout: overridden(otherCommands),
  blockingTimeoutGrace: overridden(otherCommands),
  readOnly: overridden(otherCommands, false),
  scripts: overridden(otherCommands),
  himportFieldsets: overridden(otherCommands),
  sentinelRetryStrategy: overridden('retryStrategy decides when the sentinels are asked again'),
  failoverDetector: overridden('the backplane watches for failovers itself', false, true),
  preferredSlaves: overridden('messages must go to the master'),
  db: overridden('all databases share the pub/sub channels; use channelPrefix to separate apps', 0),
  enableAutoPipelining: overridden(ownPipeline, false),
  autoPipeliningIgnoredCommands: overridden(ownPipeline),
  stringNumbers: overridden(ownReplies, false),
  replyMapping: overridden(ownReplies, 'legacy'),
  keyPrefix: refused('use channelPrefix'),
  role: refused('messages must go to the master', 'master'),
  monitor: refused('a connection that monitors can neither publish nor subscribe', false),
  Connector: refused(
    'the backplane opens its connections itself; pass your own clients with connectionFactory',
  ),
};

export interface CheckedRedisOptions {
  /** The options to pass to ioredis. */
  readonly options: RedisOptions;
  /** A log line for each option that is ignored. */
  readonly warnings: readonly string[];
  /** A message for each option that is unknown or not supported. */
  readonly problems: readonly string[];
}

/** Checks options of ioredis by {@link RULES}. */
export function checkRedisOptions(given: object): CheckedRedisOptions {
  const options: [string, unknown][] = [];
  const warnings: string[] = [];
  const problems: string[] = [];
  for (const [key, value] of Object.entries(given) as [string, unknown][]) {
    const rule = ruleOf(key);
    if (value === undefined) continue;
    if (!rule) problems.push(`redis: ioredis has no option '${key}'${didYouMean(key, Object.keys(RULES))}`);
    else if (rule.kind === 'applied' || rule.harmless.includes(value)) options.push([key, value]);
    else if (value === null) continue;
    else if (rule.kind === 'refused') problems.push(`redis.${key}: must not be set: ${rule.advice}`);
    else warnings.push(`The option redis.${key} is ignored: ${rule.reason}.`);
  }
  return { options: Object.fromEntries(options), warnings, problems };
}

function ruleOf(key: string): Rule | undefined {
  return Object.hasOwn(RULES, key) ? RULES[key as keyof typeof RULES] : undefined;
}
