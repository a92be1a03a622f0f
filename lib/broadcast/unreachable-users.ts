import type { Address } from '../protocol/target.js';
import type { LibraryLogger } from './library-logger.js';

/**
 * Warns once if an app addresses users of a path without `authenticate`. Its connections have no users, so nothing arrives.
 * Ignores paths that this process does not serve, because the servers that serve them may have the option.
 */
export class UnreachableUsers {
  private hasWarned = false;

  /** @param hasNoUsers whether this process serves the path and admits everyone without a user */
  constructor(
    private readonly hasNoUsers: (path: string) => boolean,
    private readonly logger: LibraryLogger,
  ) {}

  check({ path, targets }: Address): void {
    if (this.hasWarned) return;
    for (const { kind } of targets) {
      if (kind !== 'user' || !this.hasNoUsers(path)) continue;
      this.hasWarned = true;
      this.logger.warn(
        `Messages and commands for users of ${path} reach nobody, because no connection has a user without the option \`authenticate\`. ` +
          'Pass `authenticate` to RedisBackplaneModule, or decorate the gateway with `@UseAuthenticator()`, and return a `userId`.',
      );
      return;
    }
  }
}
