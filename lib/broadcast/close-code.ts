const MAX_REASON_BYTES = 123;

/**
 * Checks what an app may close a WebSocket with (RFC 6455, section 7.4): 1000, one of the registered codes an
 * endpoint may send, or a code of its own from 3000 to 4999.
 *
 * @throws RangeError
 */
export function checkClose(code: number, reason: string): void {
  const registered = code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code);
  if (!Number.isInteger(code) || !(registered || (code >= 3000 && code <= 4999))) {
    throw new RangeError(`${code} cannot be sent as a close code: use 1000, or 3000 to 4999`);
  }
  if (Buffer.byteLength(reason) > MAX_REASON_BYTES) {
    throw new RangeError(`A close reason has at most ${MAX_REASON_BYTES} bytes in UTF-8`);
  }
}
