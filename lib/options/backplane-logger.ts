/** What writes the lines of the library. Any `LoggerService` of Nest's is one, and so is `console`. */
export interface BackplaneLogger {
  /** The arguments are a line and the part of the library that it comes from, such as `RedisBackplane`. */
  log(message: unknown, ...optional: unknown[]): void;
  warn(message: unknown, ...optional: unknown[]): void;
  /** The arguments are a line, a stack or `undefined`, and the part of the library. */
  error(message: unknown, ...optional: unknown[]): void;
}

const METHODS = ['log', 'warn', 'error'] as const;

export function isBackplaneLogger(value: unknown): value is BackplaneLogger {
  if (typeof value !== 'object' || value === null) return false;
  const methods = value as Partial<Record<(typeof METHODS)[number], unknown>>;
  return METHODS.every((name) => typeof methods[name] === 'function');
}
