import { HubProtocolError } from './hub-message.js';
import type { MessageBounds } from './message-splitter.js';

/** Ends every JSON message, and the handshake in both protocols. */
export const RECORD_SEPARATOR = 0x1e;
const MAX_LENGTH_BYTES = 5;
/** A length has 31 bits, 7 per byte, so its fifth byte holds only the three highest. */
const MAX_FIFTH_BYTE = 7;

/** Finds a message that ends with a record separator. */
export function findSeparated(bytes: Buffer, searched = 0): MessageBounds | undefined {
  const end = bytes.indexOf(RECORD_SEPARATOR, searched);
  return end < 0 ? undefined : { start: 0, end, next: end + 1 };
}

/**
 * Finds a message that follows its length: an integer with 7 bits per byte, the lowest first.
 *
 * @throws HubProtocolError if the length is malformed
 */
export function findLengthPrefixed(bytes: Buffer): MessageBounds | undefined {
  let length = 0;
  for (let index = 0; index < MAX_LENGTH_BYTES; index++) {
    const byte = bytes[index];
    if (byte === undefined) return undefined;
    if (index === MAX_LENGTH_BYTES - 1 && byte > MAX_FIFTH_BYTE) break;
    length += (byte & 0x7f) * 0x80 ** index;
    if (byte < 0x80) {
      const start = index + 1;
      return start + length > bytes.length ? undefined : { start, end: start + length, next: start + length };
    }
  }
  throw new HubProtocolError('The length of a message is malformed.');
}

/** Encodes a length for {@link findLengthPrefixed}. */
export function lengthPrefix(length: number): Buffer {
  const bytes: number[] = [];
  let left = length;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left & 0x7f) | 0x80);
  bytes.push(left);
  return Buffer.from(bytes);
}
