const MAX_REASON_BYTES = 123;

/** A close code or reason that cannot be sent. The connection was not closed. */
export class InvalidCloseError extends RangeError {
  override readonly name = 'InvalidCloseError';

  constructor(
    readonly argument: 'code' | 'reason',
    problem: string,
  ) {
    super(`Invalid argument \`${argument}\`: ${problem}.`);
  }
}

/**
 * Checks what an app may close a WebSocket with (RFC 6455, section 7.4): 1000, one of the registered codes an
 * endpoint may send, or a code of its own from 3000 to 4999.
 *
 * @throws InvalidCloseError
 */
export function checkClose(code: number, reason: string): void {
  const registered = code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code);
  if (!Number.isInteger(code) || !(registered || (code >= 3000 && code <= 4999)))
    throw new InvalidCloseError('code', `${code} cannot be sent as a close code: use 1000, or 3000 to 4999`);
  if (typeof reason !== 'string') throw new InvalidCloseError('reason', 'a close reason is a string');
  if (Buffer.byteLength(reason) > MAX_REASON_BYTES)
    throw new InvalidCloseError('reason', `a close reason has at most ${MAX_REASON_BYTES} bytes in UTF-8`);
}
