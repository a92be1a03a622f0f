import { InvalidArgumentError } from '../protocol/invalid-argument.error.js';
import type { Address } from '../protocol/target.js';

/**
 * The ids of the users that an address consists of.
 *
 * @throws InvalidArgumentError when it also names groups or connections, or excludes some
 */
export function namesOfUsers({ targets, excluded }: Address): string[] {
  const other = targets.find(({ kind }) => kind !== 'user') ?? excluded[0];
  if (other)
    throw new InvalidArgumentError(
      'target',
      'users only: isOnline asks about users, not groups or connections',
      other,
    );
  return [...new Set(targets.map(({ name }) => name))];
}

export function onlineMap(
  users: readonly string[],
  online: ReadonlySet<string>,
): ReadonlyMap<string, boolean> {
  return new Map(users.map((user) => [user, online.has(user)]));
}
