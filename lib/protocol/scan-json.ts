import type { PayloadLimits, PayloadProblem } from './payload-limits.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Checks the depth and the number of elements of a JSON text before it is parsed. `JSON.parse` accepts thousands of
 * levels that `JSON.stringify` could not write again. The parser itself checks whether the text is valid JSON.
 */
export function scanJson(
  bytes: Uint8Array,
  { maxDepth, maxElements }: PayloadLimits,
): PayloadProblem | undefined {
  // Every level and every element takes at least one byte, so most messages are too short to exceed a limit.
  if (bytes.length <= maxDepth && bytes.length <= maxElements) return undefined;
  let depth = 0;
  let elements = 0;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (byte === QUOTE) {
      index = endOfString(bytes, index + 1);
    } else if (byte === COMMA) {
      if (++elements > maxElements) return 'elements';
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      if (++depth > maxDepth) return 'depth';
      if (++elements > maxElements) return 'elements';
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      depth--;
    }
  }
  return undefined;
}

/** The index of the closing quote, or an index past the end if there is none. */
function endOfString(bytes: Uint8Array, start: number): number {
  let index = start;
  while (index < bytes.length && bytes[index] !== QUOTE) index += bytes[index] === BACKSLASH ? 2 : 1;
  return index;
}
