import { applyAzureDefaults } from './azure-defaults.js';
import { type ConnectionDraft, emptyDraft, planNode, planSentinel } from './connection-draft.js';
import type { ConnectionPlan } from './connection-plan.js';
import { ConnectionStringError } from './connection-string.error.js';
import * as rules from './key-rules.js';
import { completeNodes, readNode, type WrittenNode } from './redis-node.js';
import { limitTlsVersions } from './tls-versions.js';

const NO_PUBSUB = 'it does not forward Redis pub/sub, which the backplane needs. Connect to Redis directly.';
const NOT_RENAMED = 'the backplane needs this command, and cannot call it by another name.';

/** Every key of a StackExchange.Redis configuration string, including those that are deliberately ignored. */
const KEYS = rules.keyTable({
  abortConnect: rules.flag(rules.backplaneSetting('abortConnect')),
  allowAdmin: rules.ignored(),
  asyncTimeout: rules.whole(rules.MILLISECONDS, rules.backplaneSetting('publishTimeoutMs')),
  channelPrefix: rules.text(rules.backplaneSetting('channelPrefix')),
  checkCertificateRevocation: rules.ignoredIfTrue(
    'Node.js does not check by itself whether a certificate is revoked.',
  ),
  configChannel: rules.ignored(),
  configCheckSeconds: rules.ignored(),
  connectRetry: rules.ignored(
    'the backplane never stops reconnecting; abortConnect decides whether bootstrap fails.',
  ),
  connectTimeout: rules.whole(rules.MILLISECONDS, rules.redisOption('connectTimeout')),
  defaultDatabase: rules.whole(rules.DATABASES, rules.redisOption('db')),
  highIntegrity: rules.ignoredIfTrue('the backplane protects its messages with a checksum instead.'),
  highPriorityThreads: rules.ignored(),
  // The heartbeat keeps every link busy once a second, so the key can only set the keep-alive of TCP.
  keepAlive: rules.whole(rules.SECONDS, (draft, seconds) => {
    if (seconds > 0 && !('keepAlive' in draft.redis)) draft.redis.keepAlive = seconds * 1000;
  }),
  name: rules.text(rules.redisOption('connectionName')),
  password: rules.text(rules.redisOption('password')),
  preserveAsyncOrder: rules.ignored(),
  protocol: rules.protocol,
  proxy: rules.refused(NO_PUBSUB, '', 'none'),
  resolveDns: rules.ignored(),
  responseTimeout: rules.ignored(),
  // Not `text`, because an empty value means "none", while an absent key means "as for the Redis nodes".
  sentinelPassword: rules.onlyWith('sentinels', (draft, value) => {
    draft.sentinel.password = value;
  }),
  sentinelUser: rules.onlyWith('sentinels', (draft, value) => {
    draft.sentinel.username = value;
  }),
  serviceName: rules.text((draft, master) => {
    draft.master = master;
  }),
  setlib: rules.flag((draft, on) => {
    draft.redis.disableClientInfo = !on;
  }),
  ssl: rules.flag((draft, on) => {
    draft.tls = on;
  }),
  sslHost: rules.onlyWith(
    'TLS',
    rules.text((draft, host) => {
      draft.tlsOptions.servername = host;
    }),
  ),
  sslProtocols: rules.onlyWith('TLS', rules.text(limitTlsVersions)),
  syncTimeout: rules.whole(rules.MILLISECONDS, (draft, ms) => {
    draft.backplane.publishTimeoutMs ??= ms; // the default of asyncTimeout
  }),
  tcpKeepAlive: rules.flag((draft, on) => {
    // @ts-expect-error only null turns keep-alive off in ioredis, but its types do not allow null.
    if (!on) draft.redis.keepAlive = null;
  }),
  tiebreaker: rules.ignored(),
  tunnel: rules.refused('connect to Redis directly, or use the option connectionFactory.', ''),
  user: rules.text(rules.redisOption('username')),
  version: rules.text((draft, version, key) => {
    const major = /^(\d{1,3})(\.\d{1,5}){0,3}$/.exec(version)?.[1];
    if (major === undefined) throw new ConnectionStringError(`"${key}" must be a version such as 6.0.`, key);
    if (Number(major) < 6) draft.redis.protocol ??= 2; // Redis 6 introduced HELLO, which selects RESP3
  }),
  writeBuffer: rules.ignored(),
});

/** `$COMMAND=…`: commands that are renamed or disabled in Redis. */
const COMMANDS = rules.keyTable({
  $CLIENT: (draft) => {
    draft.redis.disableClientInfo = true;
  },
  $HELLO: (draft) => {
    draft.redis.protocol = 2;
  },
  $INFO: (draft) => {
    draft.redis.enableReadyCheck = false;
  },
  $PUBLISH: rules.refused(NOT_RENAMED),
  $SUBSCRIBE: rules.refused(NOT_RENAMED),
  $UNSUBSCRIBE: rules.refused(NOT_RENAMED),
});

const CREDENTIALS: ReadonlySet<string> = new Set(['user', 'password', 'sentinelUser', 'sentinelPassword']);

/** A part of the string between commas. */
interface Part {
  /** Names the part in errors without quoting it. */
  readonly where: string;
  /** Absent for an endpoint. */
  readonly key?: string;
  readonly value: string;
  /** Whether it follows a credential, and may be the rest of it: this format has no way to escape a comma. */
  readonly suspect: boolean;
}

/**
 * Parses a StackExchange.Redis configuration string, `host:port,key=value,…`. The letter case of keys does not matter. If
 * a key occurs twice, the last one wins.
 *
 * @throws ConnectionStringError
 */
export function parseStackExchange(connection: string): ConnectionPlan {
  const parts = split(connection);
  const draft = emptyDraft();
  for (const part of parts) applyKey(draft, part);
  // Applied last, because a missing command overrides any key that would use it.
  for (const part of parts) applyCommand(draft, part);
  const nodes = parts.filter(({ key }) => key === undefined).map(readEndpoint);
  if (nodes.length === 0) {
    throw new ConnectionStringError('The connection string names no endpoint. It must begin with host:port.');
  }
  applyAzureDefaults(draft, nodes);
  return draft.master === undefined ? planOne(draft, nodes) : planMaster(draft, nodes, draft.master);
}

function split(connection: string): Part[] {
  const parts: Part[] = [];
  let suspect = false;
  for (const [index, padded] of connection.split(',').entries()) {
    const part = padded.trim();
    if (part === '') continue;
    const where = `Part ${index + 1} of the connection string`;
    const equals = part.indexOf('=');
    if (equals > 0) {
      const key = part.slice(0, equals).trim();
      parts.push({ where, key, value: part.slice(equals + 1).trim(), suspect });
      suspect = CREDENTIALS.has(KEYS.get(key.toLowerCase())?.key ?? '');
    } else {
      parts.push({ where, value: part, suspect });
    }
  }
  return parts;
}

function applyKey(draft: ConnectionDraft, { key, value, where, suspect }: Part): void {
  if (key === undefined || key.startsWith('$')) return;
  const known = KEYS.get(key.toLowerCase());
  if (!known) throw rules.unknownKey(key, where, suspect, KEYS);
  known.rule(draft, value, known.key);
}

function applyCommand(draft: ConnectionDraft, { key, value, where }: Part): void {
  if (!key?.startsWith('$') || key.slice(1).toLowerCase() === value.toLowerCase()) return;
  const known = COMMANDS.get(key.toLowerCase());
  if (known) {
    known.rule(draft, value, known.key);
  } else {
    draft.warnings.push(`${where} is ignored: the backplane cannot rename or disable this command.`);
  }
}

function readEndpoint({ value, where, suspect }: Part): WrittenNode {
  if (suspect) {
    throw new ConnectionStringError(
      `${where} follows a user or password and has no "=". Put endpoints first. If the password contains a comma, use a URL and write the comma as %2C.`,
    );
  }
  if (value.startsWith('!')) {
    throw new ConnectionStringError(`${where} is a unix socket. Write only unix:///path/of/socket.`);
  }
  return readNode(value);
}

function planOne(draft: ConnectionDraft, written: readonly WrittenNode[]): ConnectionPlan {
  const [node, ...others] = completeNodes(written, draft.tls ? 6380 : 6379);
  if (!node || others.length > 0) {
    // StackExchange.Redis would connect to the endpoints and ask what they are. Parsing must not connect.
    throw new ConnectionStringError(
      'Several endpoints can be a cluster or sentinels. For a cluster, write redis+cluster://host1,host2 (rediss+cluster:// with TLS). For sentinels, add serviceName= with the name of the master.',
    );
  }
  return planNode(draft, node);
}

function planMaster(draft: ConnectionDraft, written: readonly WrittenNode[], master: string): ConnectionPlan {
  draft.sentinel.username ??= draft.redis.username;
  draft.sentinel.password ??= draft.redis.password;
  return planSentinel(draft, completeNodes(written, 26_379), master);
}
