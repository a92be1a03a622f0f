import type { Address } from '../protocol/target.js';
import type { LibraryLogger } from './library-logger.js';

/**
 * Warns, once, that an app sends to users of a path without `authenticate`: its connections belong to nobody, so it
 * reaches none. Paths that this process does not serve are left alone, because the servers that do may have the option.
 */
export class UnreachableUsers {
  private warned = false;

  /** @param hasNoUsers whether gateways of this process serve the path, and admit everyone */
  constructor(
    private readonly hasNoUsers: (path: string) => boolean,
    private readonly logger: LibraryLogger,
  ) {}

  check({ path, targets }: Address): void {
    if (this.warned) return;
    for (const { kind } of targets) {
      if (kind !== 'user' || !this.hasNoUsers(path)) continue;
      this.warned = true;
      this.logger.warn(
        `A message or command for a user of ${path} reaches nobody: without the option \`authenticate\` no connection ` +
          'belongs to a user. Pass `authenticate` to RedisBackplaneModule, or decorate the gateway with `@UseAuthenticator()`, and return a `userId`.',
      );
      return;
    }
  }
}
