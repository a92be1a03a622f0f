import type { RedisOptions } from 'ioredis';
import { didYouMean } from './suggestion.js';

/** Options that ioredis hands to Node's sockets, and that its types do not list. */
type SocketKey =
  'autoSelectFamily' | 'autoSelectFamilyAttemptTimeout' | 'hints' | 'localAddress' | 'localPort' | 'lookup';

type Rule =
  /** It does what ioredis documents. */
  | { readonly kind: 'applied' }
  /** The backplane sets it itself. A value that asks for nothing else is fine, another one a warning. */
  | { readonly kind: 'overridden'; readonly reason: string; readonly harmless: readonly unknown[] }
  /** Nothing sensible can be made of it. */
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
  'a message that waits in the client would arrive late; the option outage says what happens instead';
const noRepetition = 'a message that is sent twice would arrive twice';
const ownReconnecting = 'the backplane decides itself when a connection is given up';
const noTimeout = 'a publish has a limit of its own, the option publishTimeout';
const otherCommands = 'it concerns commands that the backplane does not send';
const ownPipeline = 'the backplane joins commands itself';

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
  // With a guard, so that it can neither throw nor give up: `guardedRetry` in bus/redis-clients.ts.
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
  autoResubscribe: overridden('the backplane subscribes again to what is wanted by then', false),
  reconnectOnError: overridden(ownReconnecting),
  disconnectTimeout: overridden(ownReconnecting),
  socketTimeout: overridden(ownReconnecting),
  commandTimeout: overridden(noTimeout),
  blockingTimeout: overridden(otherCommands),
  blockingTimeoutGrace: overridden(otherCommands),
  readOnly: overridden(otherCommands, false),
  scripts: overridden(otherCommands),
  himportFieldsets: overridden(otherCommands),
  sentinelRetryStrategy: overridden('retryStrategy says when the sentinels are asked again'),
  failoverDetector: overridden('the backplane listens for failovers itself', false, true),
  preferredSlaves: overridden('messages have to go to the master'),
  db: overridden('all databases share the pub/sub channels; channelPrefix keeps apps apart', 0),
  enableAutoPipelining: overridden(ownPipeline, false),
  autoPipeliningIgnoredCommands: overridden(ownPipeline),
  stringNumbers: overridden('the backplane reads replies itself', false),
  replyMapping: overridden('the backplane reads replies itself', 'legacy'),
  keyPrefix: refused('use channelPrefix'),
  role: refused('messages have to go to the master', 'master'),
  monitor: refused('a connection that monitors can neither publish nor subscribe', false),
  Connector: refused(
    'the backplane opens its connections itself; give your own clients with connectionFactory',
  ),
};

export interface CheckedRedisOptions {
  /** Those that are applied. */
  readonly options: RedisOptions;
  /** A line for the log for each that is overridden. */
  readonly warnings: readonly string[];
  /** What is wrong with the others. */
  readonly problems: readonly string[];
}

/** Sorts options of ioredis: each is applied, overridden with a warning, or refused by name. Unknown ones are refused. */
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
