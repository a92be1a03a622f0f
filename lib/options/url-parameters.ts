import type { ConnectionDraft } from './connection-draft.js';
import { ConnectionStringError } from './connection-string.error.js';
import * as rules from './key-rules.js';

/** A setting in a URL, whether in the query or elsewhere. */
export interface Parameter {
  /** In the documented spelling. */
  readonly key: string;
  /** Percent-decoded. */
  readonly value: string;
}

/**
 * Every query parameter. Those named like an ioredis option mean that option, in its unit (so `keepAlive` is the delay of
 * TCP keep-alive, in milliseconds); `name` is short for `connectionName`.
 */
const PARAMETERS = rules.keyTable({
  abortConnect: rules.flag(rules.backplaneSetting('abortConnect')),
  channelPrefix: rules.text(rules.backplaneSetting('channelPrefix')),
  connectionName: rules.text(rules.redisOption('connectionName')),
  connectTimeout: rules.whole(rules.MILLISECONDS, rules.redisOption('connectTimeout')),
  db: rules.whole(rules.DATABASES, rules.redisOption('db')),
  disableClientInfo: rules.flag(rules.redisOption('disableClientInfo')),
  enableReadyCheck: rules.flag(rules.redisOption('enableReadyCheck')),
  family: rules.choice(
    '4, 6 or 0 (either)',
    new Map([0, 4, 6].map((n) => [`${n}`, n])),
    rules.redisOption('family'),
  ),
  keepAlive: rules.whole(rules.MILLISECONDS, rules.redisOption('keepAlive')),
  name: rules.text(rules.redisOption('connectionName')),
  noDelay: rules.flag(rules.redisOption('noDelay')),
  password: rules.text(rules.redisOption('password')),
  protocol: rules.protocol,
  publishTimeout: rules.whole(rules.MILLISECONDS, rules.backplaneSetting('publishTimeoutMs')),
  // The older name of `publishTimeout`.
  publishTimeoutMs: rules.whole(rules.MILLISECONDS, rules.backplaneSetting('publishTimeoutMs')),
  sentinelPassword: rules.onlyWith('sentinels', (draft, value) => {
    draft.sentinel.password = value;
  }),
  sentinelTls: rules.onlyWith(
    'sentinels',
    rules.flag((draft, on) => {
      draft.sentinel.tls = on;
    }),
  ),
  sentinelUsername: rules.onlyWith('sentinels', (draft, value) => {
    draft.sentinel.username = value;
  }),
  tls: rules.flag((draft, on, key) => {
    if (draft.tls && !on) {
      throw new ConnectionStringError(`"${key}" contradicts the scheme, which asks for TLS.`, key);
    }
    draft.tls = on;
  }),
  tlsServername: rules.onlyWith(
    'TLS',
    rules.text((draft, host) => {
      draft.tlsOptions.servername = host;
    }),
  ),
  username: rules.text(rules.redisOption('username')),
});

/**
 * Parses `key=value&key=value`. A plus sign is not decoded to a space, because passwords may contain it.
 *
 * @throws ConnectionStringError if a parameter is unknown
 */
export function readQuery(query: string): Parameter[] {
  // An @ suggests that the query began inside a password, at a "?" that should have been written as %3F.
  const suspect = query.includes('@');
  return query.split('&').flatMap((pair, index) => {
    if (pair === '') return [];
    const equals = pair.indexOf('=');
    const written = equals < 0 ? pair : pair.slice(0, equals);
    const known = PARAMETERS.get(written.toLowerCase());
    if (!known) throw rules.unknownKey(written, `Query parameter ${index + 1}`, suspect, PARAMETERS);
    return [{ key: known.key, value: equals < 0 ? '' : decode(pair.slice(equals + 1), known.key) }];
  });
}

/**
 * Applies all settings of a URL to the draft.
 *
 * @throws ConnectionStringError if a value is invalid, or a setting occurs twice
 */
export function applyParameters(draft: ConnectionDraft, parameters: readonly Parameter[]): void {
  const seen = new Set<string>();
  for (const { key, value } of parameters) {
    if (seen.has(key)) throw new ConnectionStringError(`"${key}" is set twice.`, key);
    seen.add(key);
    PARAMETERS.get(key.toLowerCase())?.rule(draft, value, key);
  }
}

/**
 * Percent-decodes the text.
 *
 * @param what names the text in the error, which does not quote it
 * @throws ConnectionStringError if the escapes are malformed
 */
export function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConnectionStringError(`The ${what} is not percent-encoded properly. Write "%" as %25.`);
  }
}
