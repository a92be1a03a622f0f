import { isIPv6 } from 'node:net';
import { ConnectionStringError } from './connection-string.error.js';
import type { RedisNode } from './connection-plan.js';

/** A host as written, and its port if one was written. */
export interface WrittenNode {
  readonly host: string;
  readonly port?: number;
}

const HOST_NAME = /^[\p{L}\p{N}_]([\p{L}\p{N}_.-]*[\p{L}\p{N}_.])?$/u;
const BRACKETED = /^\[([^\]]*)\](?::(.*))?$/;

/**
 * Parses `host`, `host:port`, `[ipv6]`, `[ipv6]:port` or a bare IPv6 address.
 *
 * @throws ConnectionStringError without host and port, because either could be part of a password
 */
export function readNode(text: string): WrittenNode {
  if (isIPv6(text)) return { host: text };
  const bracketed = BRACKETED.exec(text);
  if (bracketed) {
    // A URL writes a zone as %25eth0, because % begins an escape there.
    const host = (bracketed[1] ?? '').replace('%25', '%');
    if (!isIPv6(host)) throw new ConnectionStringError('The text in brackets must be an IPv6 address.');
    return withPort(host, bracketed[2]);
  }
  const colon = text.indexOf(':');
  const host = colon < 0 ? text : text.slice(0, colon);
  if (!HOST_NAME.test(host)) {
    throw new ConnectionStringError(
      'A host is missing or malformed. Write host:port, and percent-encode special characters in a user or password of a URL.',
    );
  }
  return withPort(host, colon < 0 ? undefined : text.slice(colon + 1));
}

/** Fills in the default port and removes duplicates. */
export function completeNodes(nodes: readonly WrittenNode[], defaultPort: number): RedisNode[] {
  const unique = new Map<string, RedisNode>();
  for (const { host, port = defaultPort } of nodes) {
    const address = `${host.toLowerCase()} ${port}`;
    if (!unique.has(address)) unique.set(address, { host, port });
  }
  return [...unique.values()];
}

function withPort(host: string, written: string | undefined): WrittenNode {
  if (written === undefined) return { host };
  const port = /^\d{1,5}$/.test(written) ? Number(written) : 0;
  if (port < 1 || port > 65_535) {
    throw new ConnectionStringError(
      'The port after a host must be a number from 1 to 65535. (Percent-encode special characters in a user or password of a URL.)',
    );
  }
  return { host, port };
}
