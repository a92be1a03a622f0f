import { checkName } from '../protocol/channel-names.js';
import { InvalidArgumentError } from '../protocol/invalid-argument.error.js';
import type { InvokeOptions } from './invoke.js';

/** Node's timers take no more: beyond it they fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Checks the name of an event: a string that is not empty.
 *
 * @throws InvalidArgumentError
 */
export function checkEvent(event: unknown): void {
  if (typeof event !== 'string' || event === '')
    throw new InvalidArgumentError('event', 'a string of at least one character', event);
}

/**
 * Checks the options of `invoke` and `invokeAll` by the rules of the module's own options.
 *
 * @throws InvalidArgumentError
 */
export function checkInvokeOptions<T>(options: InvokeOptions<T>): void {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new InvalidArgumentError('options', 'an object such as { timeout: 5000 }', given);
  const { timeout, signal, parse }: Partial<Record<keyof InvokeOptions<T>, unknown>> = given;
  if (timeout !== undefined && !isTimerMs(timeout))
    throw new InvalidArgumentError('timeout', `whole milliseconds from 1 to ${MAX_TIMER_MS}`, timeout);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new InvalidArgumentError('signal', 'an AbortSignal', signal);
  if (parse !== undefined && typeof parse !== 'function')
    throw new InvalidArgumentError('parse', 'a function', parse);
}

/**
 * Checks names that are given one by one: `group('a', 'b')`.
 *
 * @param what names the argument in the error, such as "A group's name"
 * @throws InvalidNameError
 */
export function checkNames(what: string, names: readonly string[]): readonly string[] {
  for (const name of names) checkName(what, name);
  return names;
}

/**
 * Checks when a connection shall expire.
 *
 * @throws InvalidArgumentError
 */
export function checkExpiry(expiresAt: unknown): void {
  if (expiresAt === null) return;
  if (!(expiresAt instanceof Date) || Number.isNaN(expiresAt.getTime()))
    throw new InvalidArgumentError('expiresAt', 'a valid Date, or null for never', expiresAt);
}

function isTimerMs(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_TIMER_MS;
}
