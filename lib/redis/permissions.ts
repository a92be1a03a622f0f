/** Redis itself answered with an error, so it did not take the command. */
export function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/** How Redis says that a user may not run a command; `client|setname` names a subcommand. Redis 7.2 and later name the user. */
const COMMAND = /(?:User (\S+)|user) has no permissions to run the '([^']+)' command/i;

/** Whether Redis refuses a command for want of a permission, and not for what the command says. */
export function isPermissionError({ message }: Error): boolean {
  return message.startsWith('NOPERM');
}

/**
 * What Redis says, and where a permission is missing, the line that grants it.
 *
 * @param user the name of the Redis user, as far as it is known
 * @param pattern the channels of the app, as an ACL writes them behind `&`
 */
export function withAdvice(error: Error, user: string | null | undefined, pattern: string): string {
  if (!isPermissionError(error)) return error.message;
  const [, named, command] = COMMAND.exec(error.message) ?? [];
  const right = command === undefined ? `&${pattern}` : `+${command.toLowerCase()}`;
  return `${error.message}. Grant it: ACL SETUSER ${named ?? (user || 'default')} ${right}`;
}
