import { StringDecoder } from 'node:string_decoder';
import { BackplaneError } from '../protocol/backplane.error.js';
import { shown } from '../protocol/invalid-argument.error.js';

const MAX_REASON_BYTES = 123;

/** The reason with which a connection is closed that has expired. */
export const EXPIRED = 'Expired';

/** The reason with which a connection is closed whose messages arrive faster than they are handled. */
export const TOO_MANY_PENDING = 'Too many messages are pending';

/** The reason with which a connection is closed because of an error that its client must not see. */
export const HOOK_FAILED = 'handleConnection failed';

/** A close code or reason is invalid; `argument` says which. No connection was closed. */
export class InvalidCloseError extends BackplaneError {
  override readonly name = 'InvalidCloseError';
  override readonly code = 'BACKPLANE_INVALID_CLOSE';

  constructor(
    readonly argument: 'code' | 'reason',
    problem: string,
  ) {
    super(`Invalid argument \`${argument}\`: ${problem}.`);
  }
}

/**
 * Checks that an app may close a WebSocket with this code and reason (RFC 6455, section 7.4). Valid codes are 1000, the
 * other registered codes that an endpoint may send, and the app's own codes from 3000 to 4999.
 *
 * @throws InvalidCloseError
 */
export function checkClose(code: number, reason: string): void {
  if (!Number.isInteger(code) || !(isRegistered(code) || (code >= 3000 && code <= 4999)))
    throw new InvalidCloseError(
      'code',
      `expected 1000 to 1003, 1007 to 1014, or 3000 to 4999, got ${shown(code)}`,
    );
  if (typeof reason !== 'string')
    throw new InvalidCloseError('reason', `expected a string, got ${shown(reason)}`);
  const bytes = Buffer.byteLength(reason);
  if (bytes > MAX_REASON_BYTES)
    throw new InvalidCloseError(
      'reason',
      `expected at most ${MAX_REASON_BYTES} bytes in UTF-8, got ${bytes}`,
    );
}

/** Shortens a text to a valid close reason. Does not split a character. */
export function asCloseReason(text: string): string {
  if (Buffer.byteLength(text) <= MAX_REASON_BYTES) return text;
  const bytes = Buffer.from(text).subarray(0, MAX_REASON_BYTES - Buffer.byteLength('…'));
  return `${new StringDecoder('utf8').write(bytes)}…`;
}

function isRegistered(code: number): boolean {
  return code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code);
}
