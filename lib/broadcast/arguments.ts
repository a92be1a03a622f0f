import { ArgumentList } from '../protocol/argument-list.js';
import { checkName, isWellFormed, MAX_NAME_BYTES } from '../protocol/channel-names.js';
import { InvalidArgumentError } from '../protocol/invalid-argument.error.js';
import type { TargetKind } from '../protocol/target.js';
import { MAX_TIMER_MS } from '../protocol/timer-limit.js';
import type { InvokeOptions } from './invoke.js';

const NAMES: Readonly<Record<Exclude<TargetKind, 'all'>, string>> = {
  group: "A group's name",
  user: "A user's id",
  connection: "A connection's id",
};
const INVOKE_OPTIONS: readonly string[] = [
  'timeout',
  'signal',
  'parse',
] satisfies (keyof InvokeOptions<unknown>)[];

/**
 * Checks the name of an event. The rules are those for other names: a well-formed string of 1 to 4096 bytes in UTF-8.
 *
 * @throws InvalidArgumentError
 */
export function checkEvent(event: unknown): void {
  if (typeof event !== 'string' || event === '')
    throw new InvalidArgumentError('event', 'a non-empty string', event);
  if (Buffer.byteLength(event) > MAX_NAME_BYTES)
    throw new InvalidArgumentError('event', `at most ${MAX_NAME_BYTES} bytes in UTF-8`, event);
  if (!isWellFormed(event))
    throw new InvalidArgumentError('event', 'well-formed Unicode, without half a surrogate pair', event);
}

/**
 * Checks that the data of an event is not a function or symbol, which JSON would silently omit. `undefined` means no data.
 * The client protocol checks what the data contains.
 *
 * @throws InvalidArgumentError
 */
export function checkData(data: unknown): void {
  if (data instanceof ArgumentList) return data.values.forEach(checkData);
  if (typeof data === 'function' || typeof data === 'symbol')
    throw new InvalidArgumentError('data', 'a value that can be sent, or undefined for no data', data);
}

/**
 * Checks the options of `invoke` and `invokeAll`. Like the options of the module, they must not contain unknown keys.
 *
 * @throws InvalidArgumentError
 */
export function checkInvokeOptions<T>(options: InvokeOptions<T>): void {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new InvalidArgumentError('options', 'an object such as { timeout: 5000 }', given);
  const unknown = Object.keys(given).find((key) => !INVOKE_OPTIONS.includes(key));
  if (unknown !== undefined)
    throw new InvalidArgumentError('options', `only the options ${INVOKE_OPTIONS.join(', ')}`, unknown);
  const { timeout, signal, parse }: Partial<Record<keyof InvokeOptions<T>, unknown>> = given;
  if (timeout !== undefined && !isTimerMs(timeout))
    throw new InvalidArgumentError(
      'timeout',
      `an integer from 1 to ${MAX_TIMER_MS}, in milliseconds`,
      timeout,
    );
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new InvalidArgumentError('signal', 'an AbortSignal', signal);
  if (parse !== undefined && typeof parse !== 'function')
    throw new InvalidArgumentError('parse', 'a function', parse);
}

/**
 * Checks names that are passed as separate arguments: `group('a', 'b')`.
 *
 * @returns the names without duplicates
 * @throws InvalidNameError
 */
export function checkNames(kind: keyof typeof NAMES, names: readonly string[]): readonly string[] {
  for (const name of names) checkName(NAMES[kind], name, kind);
  return names.length > 1 ? [...new Set(names)] : names;
}

/** @throws InvalidNameError */
export function checkGroup(group: string): void {
  checkName(NAMES.group, group, 'group');
}

/** @throws InvalidArgumentError */
export function checkExpiry(expiresAt: unknown): void {
  if (expiresAt === null) return;
  if (!(expiresAt instanceof Date) || Number.isNaN(expiresAt.getTime()))
    throw new InvalidArgumentError('expiresAt', 'a valid Date, or null for never', expiresAt);
}

function isTimerMs(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_TIMER_MS;
}
