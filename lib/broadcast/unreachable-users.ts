import { Logger } from '@nestjs/common';
import type { Address } from '../protocol/target.js';

/**
 * Warns, once, that an app without `authenticate` sends to users: its connections belong to nobody, so it reaches none.
 * Paths that this process does not serve are left alone, because the servers that do may have the option.
 */
export class UnreachableUsers {
  private warned = false;

  /** @param servedPaths the paths that gateways of this process serve */
  constructor(private readonly servedPaths: () => readonly string[]) {}

  check({ path, targets }: Address): void {
    if (this.warned) return;
    for (const { kind } of targets) {
      if (kind !== 'user' || !this.servedPaths().includes(path)) continue;
      this.warned = true;
      new Logger('RedisBackplane').warn(
        `A message or command for a user of ${path} reaches nobody: without the option \`authenticate\` no connection ` +
          'belongs to a user. Pass `authenticate` to RedisBackplaneModule and return a `userId` from it.',
      );
      return;
    }
  }
}
