import { applyAzureDefaults } from './azure-defaults.js';
import { type ConnectionDraft, emptyDraft, planSentinel, planServer } from './connection-draft.js';
import type { ConnectionPlan } from './connection-plan.js';
import { ConnectionStringError } from './connection-string.error.js';
import * as rules from './key-rules.js';
import { completeNodes, readNode, type WrittenNode } from './redis-node.js';
import { limitTlsVersions } from './tls-versions.js';

const NO_PUBSUB = 'it does not pass Redis pub/sub on, which the backplane works by. Connect to Redis itself.';
const NOT_RENAMED = 'the backplane cannot work without this command, nor call it by another name.';

/** Every key of a StackExchange.Redis configuration string; what stands here as ignored is so on purpose. */
const KEYS = rules.keyTable({
  abortConnect: rules.flag(rules.backplaneSetting('abortConnect')),
  allowAdmin: rules.ignored(),
  asyncTimeout: rules.whole(rules.MILLISECONDS, rules.backplaneSetting('publishTimeoutMs')),
  channelPrefix: rules.text(rules.backplaneSetting('channelPrefix')),
  checkCertificateRevocation: rules.ignoredIfTrue('Node.js does not look up revoked certificates by itself.'),
  configChannel: rules.ignored(),
  configCheckSeconds: rules.ignored(),
  connectRetry: rules.ignored(
    'connecting is retried without end; abortConnect says whether bootstrap fails.',
  ),
  connectTimeout: rules.whole(rules.MILLISECONDS, rules.redisOption('connectTimeout')),
  defaultDatabase: rules.whole(rules.DATABASES, rules.redisOption('db')),
  highIntegrity: rules.ignoredIfTrue('replies are not checked one by one; envelopes carry a checksum.'),
  highPriorityThreads: rules.ignored(),
  // No link here is ever idle, because the backplane's heartbeat passes each second. What is left to set is TCP's keep-alive.
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
  // Not `text`: here an empty value means "none", while an absent key means "as for the servers".
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
    draft.backplane.publishTimeoutMs ??= ms; // what asyncTimeout defaults to
  }),
  tcpKeepAlive: rules.flag((draft, on) => {
    // @ts-expect-error ioredis turns keep-alive on for any number and for undefined; its types lack null, the only "off".
    if (!on) draft.redis.keepAlive = null;
  }),
  tiebreaker: rules.ignored(),
  tunnel: rules.refused('connect to Redis directly, or give your own connectionFactory.', ''),
  user: rules.text(rules.redisOption('username')),
  version: rules.text((draft, version, key) => {
    const major = /^(\d{1,3})(\.\d{1,5}){0,3}$/.exec(version)?.[1];
    if (major === undefined) throw new ConnectionStringError(`"${key}" must be a version such as 6.0.`, key);
    if (Number(major) < 6) draft.redis.protocol ??= 2; // HELLO came with Redis 6
  }),
  writeBuffer: rules.ignored(),
});

/** `$COMMAND=…`: commands that the server does not have under their own name. */
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

/** One of the pieces between commas. */
interface Part {
  /** How to speak of it without quoting it. */
  readonly where: string;
  /** Absent in an endpoint. */
  readonly key?: string;
  readonly value: string;
  /** Follows a credential, so it may be the rest of one: the form has no way to write a comma. */
  readonly suspect: boolean;
}

/**
 * Reads a StackExchange.Redis configuration string, `host:port,key=value,…`. Keys are found in any letter case, and
 * the last of two equal ones counts.
 * @throws ConnectionStringError
 */
export function parseStackExchange(connection: string): ConnectionPlan {
  const parts = split(connection);
  const draft = emptyDraft();
  for (const part of parts) applyKey(draft, part);
  // Last: a command that is not there outweighs any key that asks for it.
  for (const part of parts) applyCommand(draft, part);
  const nodes = parts.filter(({ key }) => key === undefined).map(readEndpoint);
  if (nodes.length === 0) {
    throw new ConnectionStringError('The connection string names no server. Begin it with host:port.');
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
    draft.warnings.push(`${where} is ignored: it renames or disables a command, which cannot be done here.`);
  }
}

function readEndpoint({ value, where, suspect }: Part): WrittenNode {
  if (suspect) {
    throw new ConnectionStringError(
      `${where} follows a user or password and has no "=". Put endpoints first; if the password contains a comma, use the URL form with %2C for it.`,
    );
  }
  if (value.startsWith('!')) {
    throw new ConnectionStringError(
      `${where} is a unix socket. Write unix:///path/of/socket, without other parts.`,
    );
  }
  return readNode(value);
}

function planOne(draft: ConnectionDraft, written: readonly WrittenNode[]): ConnectionPlan {
  const [node, ...others] = completeNodes(written, draft.tls ? 6380 : 6379);
  if (!node || others.length > 0) {
    // StackExchange.Redis would ask the servers what they are; nothing is connected yet here.
    throw new ConnectionStringError(
      'Several endpoints can be a cluster or sentinels. Write redis+cluster://host1,host2 (rediss+cluster:// with TLS) for a cluster, or add serviceName= with the name of the master for sentinels.',
    );
  }
  return planServer(draft, node);
}

function planMaster(draft: ConnectionDraft, written: readonly WrittenNode[], master: string): ConnectionPlan {
  draft.sentinel.username ??= draft.redis.username;
  draft.sentinel.password ??= draft.redis.password;
  return planSentinel(draft, completeNodes(written, 26_379), master);
}
