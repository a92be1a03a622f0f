/** Where the library logs. Every `LoggerService` of Nest is one, and so is `console`. */
export interface BackplaneLogger {
  /** Called with a line, and the part of the library that it comes from, such as `RedisBackplane`. */
  log(message: unknown, ...optional: unknown[]): void;
  /** Called like `log`. */
  warn(message: unknown, ...optional: unknown[]): void;
  /** Called with a line, a stack or `undefined`, and the part of the library. */
  error(message: unknown, ...optional: unknown[]): void;
}

const METHODS = ['log', 'warn', 'error'] as const;

export function isBackplaneLogger(value: unknown): value is BackplaneLogger {
  if (typeof value !== 'object' || value === null) return false;
  const methods = value as Partial<Record<(typeof METHODS)[number], unknown>>;
  return METHODS.every((name) => typeof methods[name] === 'function');
}
