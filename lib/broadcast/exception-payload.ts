import type { ClientFrame } from '../protocol/client-frame.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';

/** What a client is told when the reason is none of its business, or has no form in its protocol. */
export const INTERNAL_ERROR = { status: 'error', message: 'Internal server error' } as const;

/** What an exception echoes to its client as `cause` may have about so many bytes; enough to recognise a message by. */
const MAX_CAUSE_BYTES = 16 * 1024;
/** Less than any client protocol carries, with the levels around the cause. */
const MAX_CAUSE_DEPTH = 64;
/** About what a number, a date or a comma takes. */
const BYTES_PER_VALUE = 8;

/**
 * The exception without its `cause` where that is too large to be echoed, or has no form in a client protocol: an
 * exception must reach its client whatever the client has sent.
 */
export function withoutHeavyCause(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || !('cause' in error)) return error;
  if (isEchoable(error.cause)) return error;
  return { ...error, cause: undefined };
}

/** The exception as a message for a client. One that has no form in the client's protocol is replaced by {@link INTERNAL_ERROR}. */
export function encodeException(
  error: unknown,
  protocol: ClientProtocol,
): { readonly frame: ClientFrame; readonly isWhole: boolean } {
  try {
    return { frame: protocol.encode({ event: 'exception', data: error }), isWhole: true };
  } catch {
    return { frame: protocol.encode({ event: 'exception', data: INTERNAL_ERROR }), isWhole: false };
  }
}

function isEchoable(value: unknown): boolean {
  try {
    return bytesLeft(value, MAX_CAUSE_BYTES, MAX_CAUSE_DEPTH) >= 0;
  } catch {
    // A getter of the app's own may throw.
    return false;
  }
}

/** @returns what is left of the budget; a negative number as soon as it is used up */
function bytesLeft(value: unknown, budget: number, depth: number): number {
  if (typeof value === 'string') return budget - value.length;
  if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') return -1;
  if (typeof value !== 'object' || value === null || value instanceof Date) return budget - BYTES_PER_VALUE;
  if (ArrayBuffer.isView(value)) return budget - value.byteLength;
  return depth === 0 ? -1 : bytesLeftInside(value, budget, depth - 1);
}

function bytesLeftInside(container: object, budget: number, depth: number): number {
  let left = budget;
  if (Array.isArray(container)) {
    for (const value of container as unknown[]) {
      left = bytesLeft(value, left - BYTES_PER_VALUE, depth);
      if (left < 0) return left;
    }
    return left;
  }
  for (const key in container) {
    left = bytesLeft((container as Record<string, unknown>)[key], left - key.length, depth);
    if (left < 0) return left;
  }
  return left - BYTES_PER_VALUE;
}
