import { BackplaneError } from './backplane.error.js';
import { shown } from './invalid-argument.error.js';
import type { TargetRef } from './target.js';

/** A name that cannot be a channel's part: empty, too long, or with half a surrogate pair in it. */
export class InvalidNameError extends BackplaneError {
  override readonly name = 'InvalidNameError';
  override readonly code = 'BACKPLANE_INVALID_NAME';

  constructor(
    message: string,
    /** Which argument: `group`, `user` or `connection`. */
    readonly argument: string,
  ) {
    super(message);
  }
}

/** The maximum length of a group's name or a user's id, in bytes of UTF-8. Redis itself would accept 512 MB. */
export const MAX_NAME_BYTES = 4096;

/**
 * The path of a gateway as it appears in channels, envelopes and errors: `/chat`, or `8081/chat` for a gateway with its
 * own port.
 */
export function pathKey(path: string | undefined, port = 0): string {
  const trimmed = (path ?? '').replace(/\/+$/, '');
  const rooted = trimmed.startsWith('/') ? trimmed : `/${trimmed}`;
  return port === 0 ? rooted : `${port}${rooted}`;
}

/**
 * Checks the name of a group or the id of a user. Half a surrogate pair is invalid because UTF-8 would map different
 * names to the same channel.
 *
 * @param what the beginning of the error message, such as "A group's name"
 * @param argument the value of `InvalidNameError.argument`
 * @throws InvalidNameError
 */
export function checkName(what: string, name: unknown, argument = 'name'): void {
  const problem = problemWith(name);
  if (problem !== undefined) throw new InvalidNameError(`${what} must ${problem}`, argument);
}

/** Whether the text contains no half of a surrogate pair. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

function problemWith(name: unknown): string | undefined {
  if (Array.isArray(name))
    return 'be a string, got an array: pass the names one by one, as in group(...names)';
  if (typeof name !== 'string' || name.length === 0)
    return `be a string of at least one character, got ${shown(name)}`;
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `have at most ${MAX_NAME_BYTES} bytes in UTF-8`;
  if (!isWellFormed(name)) return 'be well-formed Unicode: it contains half a surrogate pair';
  return undefined;
}

/**
 * The Redis channels of one app.
 *
 *   <prefix>:servers                  to all servers: heartbeats, roll calls, goodbyes, and commands for every server
 *   <prefix>:server:<serverId>        to one server: messages for its connections, and replies
 *   <prefix>:<path>:all               to all connections of a path
 *   <prefix>:<path>:group:<name>      to a group
 *   <prefix>:<path>:user:<id>         to a user
 *
 * No two of them are ever equal: a path always contains a slash and a prefix never does, colons in a path are escaped,
 * and the name comes last. Servers subscribe exact channels only, never patterns.
 */
export class ChannelNames {
  readonly servers: string;
  private readonly prefixBytes: Buffer;
  /** `<prefix>:<path>` by path. */
  private readonly bases = new Map<string, string>();

  constructor(
    private readonly prefix: string,
    /** The channels that the Redis user needs access to, as an ACL rule writes them after `&`. */
    readonly pattern = `${prefix}:*`,
  ) {
    this.servers = `${prefix}:servers`;
    this.prefixBytes = Buffer.from(`${prefix}:`);
  }

  /** Whether the channel has the prefix of this app. */
  owns(channel: Buffer): boolean {
    const { prefixBytes } = this;
    return (
      channel.length > prefixBytes.length &&
      channel.compare(prefixBytes, 0, prefixBytes.length, 0, prefixBytes.length) === 0
    );
  }

  server(serverId: string): string {
    return `${this.prefix}:server:${serverId}`;
  }

  /** The channel of a group, a user or a whole path. A connection has no channel: use the one of its server. */
  target(path: string, { kind, name }: TargetRef): string {
    const base = this.bases.get(path) ?? this.addBase(path);
    return kind === 'all' ? `${base}:all` : `${base}:${kind}:${name}`;
  }

  private addBase(path: string): string {
    const base = `${this.prefix}:${path.replaceAll('%', '%25').replaceAll(':', '%3A')}`;
    this.bases.set(path, base);
    return base;
  }
}
