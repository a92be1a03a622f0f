/** An argument of a call cannot be used. Nothing was done. */
export class InvalidArgumentError extends TypeError {
  override readonly name = 'InvalidArgumentError';

  constructor(
    /** Which argument, such as `timeout`. */
    readonly argument: string,
    /** What it must be. */
    expected: string,
    given: unknown,
  ) {
    super(`Invalid argument \`${argument}\`: expected ${expected}, got ${shown(given)}.`);
  }
}

/** Short, and safe for whatever a caller may give. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 50 ? `${value.slice(0, 50)}…` : value);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  if (value instanceof Date) return 'an invalid Date';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}
