import type { ConnectionPlan } from './connection-plan.js';
import { ConnectionStringError } from './connection-string.error.js';
import { parseRedisUrl, parseSocketPath } from './redis-url.js';
import { parseStackExchange } from './stack-exchange.js';

const MEMORY = /^memory:(.*)$/is;
const SCHEME = /^[a-z][a-z\d+.-]*:\/\//i;

/** How each form begins; the first that fits is taken. Any other string is a StackExchange.Redis one. */
const FORMS: readonly { readonly begins: RegExp; readonly parse: (text: string) => ConnectionPlan }[] = [
  { begins: MEMORY, parse: parseMemory },
  { begins: SCHEME, parse: parseRedisUrl },
  { begins: /^\//, parse: parseSocketPath },
];

/**
 * Reads a connection string: a URL (`redis://`, `rediss://`, `redis+sentinel://`, `redis+cluster://`, `unix://`, the same
 * with `valkey`), the path of a unix socket, a StackExchange.Redis configuration string (`host:port,key=value,…`), or
 * `memory:` with an optional name. White space around it is dropped. Connects to nothing.
 * @throws ConnectionStringError if it cannot be understood in full; nothing is skipped in silence
 */
export function parseConnectionString(text: string): ConnectionPlan {
  const trimmed = text.trim();
  if (trimmed === '')
    throw new ConnectionStringError(
      'The connection string is empty. Give one such as redis://127.0.0.1:6379.',
    );
  const { parse } = FORMS.find(({ begins }) => begins.test(trimmed)) ?? { parse: parseStackExchange };
  return parse(trimmed);
}

function parseMemory(text: string): ConnectionPlan {
  const name = MEMORY.exec(text)?.[1] ?? '';
  if (!/^[\w.-]*$/.test(name)) {
    throw new ConnectionStringError(
      'After "memory:" only a name of letters, digits, ".", "_" and "-" can stand.',
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
