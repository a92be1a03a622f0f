import type { ConnectionPlan } from './connection-plan.js';
import { ConnectionStringError } from './connection-string.error.js';
import { parseRedisUrl, parseSocketPath } from './redis-url.js';
import { parseStackExchange } from './stack-exchange.js';

const MEMORY = /^memory:(.*)$/is;
const SCHEME = /^[a-z][a-z\d+.-]*:\/\//i;

/** The formats by their beginning, in order of precedence. Any other string has the StackExchange.Redis format. */
const FORMATS: readonly { readonly pattern: RegExp; readonly parse: (text: string) => ConnectionPlan }[] = [
  { pattern: MEMORY, parse: parseMemory },
  { pattern: SCHEME, parse: parseRedisUrl },
  { pattern: /^\//, parse: parseSocketPath },
];

/**
 * Parses a connection string: a URL (`redis://`, `rediss://`, `redis+sentinel://`, `redis+cluster://`, `unix://`, the same
 * with `valkey`), the path of a unix socket, a StackExchange.Redis configuration string (`host:port,key=value,…`), or
 * `memory:` with an optional name. Ignores surrounding white space. Does not connect.
 *
 * @throws ConnectionStringError if any part of the string is invalid or unknown
 */
export function parseConnectionString(text: string): ConnectionPlan {
  const trimmed = text.trim();
  if (trimmed === '')
    throw new ConnectionStringError(
      'The connection string is empty. Write one such as redis://127.0.0.1:6379.',
    );
  const { parse } = FORMATS.find(({ pattern }) => pattern.test(trimmed)) ?? { parse: parseStackExchange };
  return parse(trimmed);
}

function parseMemory(text: string): ConnectionPlan {
  const name = MEMORY.exec(text)?.[1] ?? '';
  if (!/^[\w.-]*$/.test(name)) {
    throw new ConnectionStringError(
      'The name after "memory:" may only contain letters, digits, ".", "_" and "-".',
    );
  }
  return {
    mode: 'memory',
    ...(name && { memoryName: name }),
    nodes: [],
    redis: {},
    backplane: {},
    warnings: [],
  };
}
