import type { ClientFrame } from '../protocol/client-frame.js';
import { type Dialect, EVENT } from '../protocol/dialect.js';

/** What the client gets for an internal error, or for an error that its protocol cannot carry. */
export const INTERNAL_ERROR = { status: 'error', message: 'Internal server error' } as const;

/** The maximum size of a `cause` that is sent to a client, in approximate bytes. Enough to recognize the message that failed. */
const MAX_CAUSE_BYTES = 16 * 1024;
/** The maximum nesting depth of a `cause`. With the levels around it, every client protocol can carry it. */
const MAX_CAUSE_DEPTH = 64;
/** The approximate encoded size of a number, a date or a separator. */
const BYTES_PER_VALUE = 8;

/**
 * Removes the `cause` of an exception if it is too large or cannot be encoded. The cause is mostly what the client sent,
 * and no input may keep the exception from reaching its client.
 */
export function withoutHeavyCause(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || !('cause' in error)) return error;
  if (isEchoable(error.cause)) return error;
  return { ...error, cause: undefined };
}

/**
 * Encodes an `exception` message. If the protocol cannot carry the error, {@link INTERNAL_ERROR} takes its place and
 * `isWhole` is false.
 */
export function encodeException(
  error: unknown,
  dialect: Dialect,
): { readonly frame: ClientFrame; readonly isWhole: boolean } {
  try {
    return { frame: exceptionFrame(error, dialect), isWhole: true };
  } catch {
    return { frame: exceptionFrame(INTERNAL_ERROR, dialect), isWhole: false };
  }
}

function exceptionFrame(error: unknown, dialect: Dialect): ClientFrame {
  return dialect.derive(dialect.protocol.encode({ event: 'exception', data: error }), EVENT);
}

function isEchoable(value: unknown): boolean {
  try {
    return bytesLeft(value, MAX_CAUSE_BYTES, MAX_CAUSE_DEPTH) >= 0;
  } catch {
    // A getter may throw.
    return false;
  }
}

/** @returns the rest of the budget; negative once it is exceeded */
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
