import { InvalidArgumentError } from '../protocol/invalid-argument.error.js';

/** The options of `members`. */
export interface MembersOptions {
  /** The maximum number of members in the list, from 1 to 100000. @default 1000 */
  readonly limit?: number;
}

const DEFAULT_LIMIT = 1000;
/** A list of so many members takes tens of megabytes in memory. */
const MAX_LIMIT = 100_000;

/** @throws InvalidArgumentError */
export function limitOf(options: MembersOptions): number {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new InvalidArgumentError('options', 'an object such as { limit: 100 }', given);
  const unknown = Object.keys(given).find((key) => key !== 'limit');
  if (unknown !== undefined) throw new InvalidArgumentError('options', 'only the option limit', unknown);
  const { limit = DEFAULT_LIMIT }: { limit?: unknown } = given;
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw new InvalidArgumentError('limit', `an integer from 1 to ${MAX_LIMIT}`, limit);
  return limit;
}
