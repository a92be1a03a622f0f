import { BackplaneError } from './backplane.error.js';

/** An argument of a call cannot be used. Nothing was done. */
export class InvalidArgumentError extends BackplaneError {
  override readonly name = 'InvalidArgumentError';
  override readonly code = 'BACKPLANE_INVALID_ARGUMENT';

  constructor(
    /** The name of the argument, such as `timeout`. */
    readonly argument: string,
    /** What the argument must be, such as `an integer ≥ 1`. */
    expected: string,
    given: unknown,
  ) {
    super(`Invalid argument \`${argument}\`: expected ${expected}, got ${shown(given)}.`);
  }
}

const MAX_SHOWN_CHARACTERS = 50;

/** Describes any value for an error message, in at most about 50 characters. Never throws. */
export function shown(value: unknown): string {
  if (typeof value === 'string') {
    const cut = value.length > MAX_SHOWN_CHARACTERS ? `${value.slice(0, MAX_SHOWN_CHARACTERS)}…` : value;
    return JSON.stringify(cut);
  }
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  if (value instanceof RegExp) return 'a regular expression';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : 'a Date';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}
