/** Whether Redis itself replied with an error, which means that it did not run the command. */
export function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/** The message for a forbidden command; `client|setname` is a subcommand. Redis 7.2 and later name the user. */
const COMMAND = /(?:User (\S+)|user) has no permissions to run the '([^']+)' command/i;

/** Whether Redis refused the command because a permission is missing. */
export function isPermissionError({ message }: Error): boolean {
  return message.startsWith('NOPERM');
}

/**
 * The message of Redis and, if a permission is missing, the ACL command that grants it.
 *
 * @param user the Redis user, if known
 * @param pattern the channels of the app, as an ACL rule writes them after `&`
 */
export function withAdvice(error: Error, user: string | null | undefined, pattern: string): string {
  if (!isPermissionError(error)) return error.message;
  const [, named, command] = COMMAND.exec(error.message) ?? [];
  const rule = command === undefined ? `&${pattern}` : `+${command.toLowerCase()}`;
  return `${error.message}. Grant it: ACL SETUSER ${named ?? (user || 'default')} ${rule}`;
}
