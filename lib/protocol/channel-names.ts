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

/** Bytes of UTF-8 that a group's name or a user's id may have; Redis itself would take 512 MB. */
export const MAX_NAME_BYTES = 4096;

/**
 * The path of a gateway as channels, envelopes and errors name it: `/chat`, or `8081/chat` for a gateway
 * with a port of its own.
 */
export function pathKey(path: string | undefined, port = 0): string {
  const trimmed = (path ?? '').replace(/\/+$/, '');
  const rooted = trimmed.startsWith('/') ? trimmed : `/${trimmed}`;
  return port === 0 ? rooted : `${port}${rooted}`;
}

/**
 * Checks what a user gave as the name of a group, or the id of a user.
 * A half surrogate pair is refused because UTF-8 would turn two different names into one channel.
 *
 * @param what begins the message: "A group's name"
 * @param argument what `InvalidNameError.argument` is
 * @throws InvalidNameError
 */
export function checkName(what: string, name: unknown, argument = 'name'): void {
  const problem = problemWith(name);
  if (problem !== undefined) throw new InvalidNameError(`${what} must ${problem}`, argument);
}

/** Without half a surrogate pair. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

function problemWith(name: unknown): string | undefined {
  if (Array.isArray(name))
    return 'be a string, got an array: give the names one by one, as in group(...names)';
  if (typeof name !== 'string' || name.length === 0)
    return `be a string of at least one character, got ${shown(name)}`;
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `have at most ${MAX_NAME_BYTES} bytes in UTF-8`;
  if (!isWellFormed(name)) return 'be well-formed Unicode: it holds half a surrogate pair';
  return undefined;
}

/**
 * The Redis channels of one app.
 *
 *   <prefix>:servers                  heartbeats, roll-calls, goodbyes, and commands for every server
 *   <prefix>:server:<serverId>        for one server: its connections, its answers
 *   <prefix>:<path>:all               for all connections of a path
 *   <prefix>:<path>:group:<name>      for a group
 *   <prefix>:<path>:user:<id>         for a user
 *
 * No two of them meet: a path always holds a slash and a prefix never does, colons in a path are
 * escaped, and the name stands last. They are only ever subscribed to exactly, never as patterns.
 */
export class ChannelNames {
  readonly servers: string;
  /** How the name of each of them begins. */
  private readonly beginning: Buffer;
  /** What stands before the kind of a target, by path. */
  private readonly bases = new Map<string, string>();

  constructor(
    private readonly prefix: string,
    /** What a Redis user needs the right to, as an ACL writes it behind `&`. */
    readonly pattern = `${prefix}:*`,
  ) {
    this.servers = `${prefix}:servers`;
    this.beginning = Buffer.from(`${prefix}:`);
  }

  /** Whether this is a channel of the app, going by its prefix. */
  owns(channel: Buffer): boolean {
    const { beginning } = this;
    return (
      channel.length > beginning.length &&
      channel.compare(beginning, 0, beginning.length, 0, beginning.length) === 0
    );
  }

  server(serverId: string): string {
    return `${this.prefix}:server:${serverId}`;
  }

  /** The channel of a target other than a connection, whose messages go to its server's channel. */
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
